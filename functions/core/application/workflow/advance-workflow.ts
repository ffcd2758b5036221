import { TIMING } from '../../../contract/timing.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { TaskFailure, TaskKey } from '../../domain/task.ts'
import { conditionHolds } from '../../domain/workflow/condition.ts'
import { MAX_TASKS, type Plan, type PlanNode } from '../../domain/workflow/plan.ts'
import {
  decideNextNodes,
  endWorkflow,
  hasTasks,
  type Join,
  type NodeState,
  STEP_MESSAGE,
  shardsOf,
  stepKey,
  type Workflow,
} from '../../domain/workflow/workflow.ts'
import { retentionFrom } from '../shared/retention.ts'
import { cancelOpenTasks } from './cancel-open-tasks.ts'
import { readPlan } from './read-plan.ts'
import { type KnownBodies, startTasks, type WorkflowDependencies } from './start-tasks.ts'
import { codeOfValues, readValues } from './step-values.ts'

/** Tries to write a row that other writers change at the same time; each lost race means that the workflow advanced. */
const MAX_TRIES = 30

/** `unfinished`: the time was over first. The row is due, and the next call continues. */
export type Advanced = 'done' | 'unfinished'

/**
 * Makes all possible next steps of a workflow. Called after each end of a task, and by the sweeper for each due row. Two calls
 * at once decide the same steps, and one of their writes succeeds.
 *
 * After a crash behind the write that marks a node as starting, the row is due in a minute, and tasks that were created are found
 * by their ids. After a crash behind the creation of a task, that task's row is due.
 *
 * @throws UnavailableError when a store did not answer; the row stays due.
 */
export async function advanceWorkflow(
  dependencies: WorkflowDependencies,
  key: TaskKey,
  stopAt: number,
): Promise<Advanced> {
  const { workflows, payloads, clock, log, retentionDays } = dependencies
  let plan: Plan | undefined
  let written: number | undefined
  const known: KnownBodies = new Map()
  for (let tries = 0; tries < MAX_TRIES; ) {
    const seen = await workflows.get(key)
    if (!seen) return 'done'
    if (seen.status !== 'RUNNING')
      return seen.dueAt === undefined ? 'done' : cancelOpenTasks(dependencies, seen, stopAt)
    plan ??= await readPlan(payloads, seen)

    const starting = plan?.nodes.find(({ name }) => seen.nodes[name]?.status === 'STARTING')
    let next: Workflow | undefined
    let isMoving = true
    if (!plan) next = withoutPlan(seen, clock.now())
    else if (starting) {
      // The latest writer creates the tasks of its nodes; if it crashes, the row is due.
      if ((seen.dueAt ?? 0) > clock.now() && seen.version !== written) return 'done'
      if (clock.now() > stopAt) return 'unfinished'
      next = await endOfStart(dependencies, plan, seen, starting)
      next ??= await startTasks(dependencies, seen, starting, stopAt, known)
    } else {
      const now = clock.now()
      const decision = decideNextNodes(plan, seen, await readJoins(dependencies, plan, seen), now)
      isMoving = decision.start.length > 0
      next = decision.isChanged || isMoving ? decision.workflow : undefined
      for (const node of decision.start)
        if (next)
          next = { ...next, nodes: { ...next.nodes, [node.name]: await begin(dependencies, next, node) } }
      if (next && decision.start.length) next = { ...next, dueAt: Math.min(next.dueAt ?? now, now + 60_000) }
      if (next && next.status !== 'RUNNING' && next.dueAt === undefined)
        next = { ...next, ttl: retentionFrom(now, retentionDays).ttl }
    }
    if (!next) return 'done'
    if (!(await workflows.replace(seen, next))) {
      tries += 1
      await clock.sleep(Math.round(clock.random() * 20 * tries))
      continue
    }
    written = seen.version + 1
    // A workflow that still changes is checked again soon, so a message is needed only when its due time is the final deadline.
    if (!isMoving || next.dueAt === next.expiresAt) await wakeForDeadline(dependencies, seen, next)
    if (next.status !== 'RUNNING')
      log(`workflow.${next.status.toLowerCase()}`, {
        tenant: key.tenant,
        workflow_id: key.id,
        run_ms: clock.now() - next.createdAt,
      })
  }
  throw new UnavailableError('Too many at once move this workflow on.')
}

/** Sends a message for a deadline before the next sweep; otherwise it would be handled up to a minute late. */
async function wakeForDeadline(
  { wakeQueue, clock, log }: WorkflowDependencies,
  seen: Workflow,
  { tenant, id, status, dueAt }: Workflow,
): Promise<void> {
  if (!wakeQueue || status !== 'RUNNING' || dueAt === undefined || dueAt === seen.dueAt) return
  const waitMs = dueAt - clock.now()
  if (waitMs > TIMING.sweepMs) return
  await wakeQueue
    .wake({ tenant, id }, Math.max(0, Math.ceil(waitMs / 1_000)))
    .catch((error) => log('workflow.unsent', { tenant, workflow_id: id, cause: String(error) }))
}

/** The end of a workflow whose plan cannot be read: its open tasks are cancelled, because no step can follow them. */
const withoutPlan = (seen: Workflow, now: number): Workflow => ({
  ...endWorkflow(seen, seen.nodes, now, 'FAILED', {
    code: 'plan_missing',
    message: 'The plan of this workflow has been deleted from the bucket.',
    retryable: false,
  }).workflow,
  dueAt: now,
})

/** When an early task of a node fails, or the time is over, before all of the node's tasks exist, the rest is not created. */
async function endOfStart(
  dependencies: WorkflowDependencies,
  plan: Plan,
  seen: Workflow,
  { name }: PlanNode,
): Promise<Workflow | undefined> {
  if (!seen.nodes[name]?.started) return undefined
  const joins = await readJoins(dependencies, plan, seen)
  const { workflow } = decideNextNodes(plan, seen, joins, dependencies.clock.now())
  return workflow.status === 'RUNNING' ? undefined : workflow
}

async function readJoins(
  dependencies: WorkflowDependencies,
  plan: Plan,
  seen: Workflow,
): Promise<ReadonlyMap<string, Join>> {
  const { workflows } = dependencies
  const running = plan.nodes.filter(
    ({ name }) => hasTasks(seen.nodes[name]) && seen.nodes[name]?.size !== undefined,
  )
  const joins = await Promise.all(
    running.map(async ({ name }) => {
      const { size = 0, epoch = seen.epoch } = seen.nodes[name] ?? {}
      const join = await workflows.readJoin({ workflow: seen, epoch, node: name }, shardsOf(size))
      const isOver = plan.onFailure === 'fail_fast' || join.completed.size + join.failed.size >= size
      const cause = isOver && join.failed.size > 0 ? await causeOf(dependencies, seen, name, join) : undefined
      return [name, cause ? { ...join, cause } : join] as const
    }),
  )
  return new Map(joins)
}

/** The error of the first task of a node that did not complete, because it is hard to find among 10,000. */
async function causeOf(
  { store, ids }: WorkflowDependencies,
  { tenant, id: workflow }: Workflow,
  name: string,
  { failed }: Join,
): Promise<Join['cause']> {
  const id = ids.derivedTaskId(tenant, stepKey(workflow, name, Math.min(...failed)))
  const task = await store.get({ tenant, id })
  if (!task) return undefined
  const { code = task.status.toLowerCase(), message = `it is ${task.status}` } = task.error ?? {}
  return { id, code, message }
}

/** The state of a node that starts. Its tasks are created after this state is written. */
async function begin(
  dependencies: WorkflowDependencies,
  workflow: Workflow,
  node: PlanNode,
): Promise<NodeState> {
  const now = dependencies.clock.now()
  try {
    const values = await readValues(dependencies, workflow, node)
    if (node.if) {
      const value = values.readText(
        node.if.$from,
        Object.hasOwn(node.if, 'default') ? { default: node.if.default } : {},
      )
      if (!conditionHolds(node.if, value)) return { status: 'SKIPPED', reason: 'condition', finishedAt: now }
    }
    if (node.kind === 'wait') return { status: 'RUNNING', startedAt: now, signal: node.signal }
    const started = { status: 'STARTING', started: 0, startedAt: now, epoch: workflow.epoch } as const
    if (node.kind === 'group') return { ...started, size: node.tasks.length, isMany: true }
    if (node.each === undefined) return { ...started, size: 1 }
    const items = values.readText(node.each)
    if (!Array.isArray(items))
      return failed(
        now,
        'not_a_list',
        `"${node.each}" is no list, so there is no task for each of its items.`,
      )
    if (items.length > MAX_TASKS)
      return failed(
        now,
        'too_many_tasks',
        `"${node.each}" has ${items.length} items; at most ${MAX_TASKS} fit.`,
      )
    // A node without items has completed.
    if (items.length === 0)
      return { status: 'COMPLETED', size: 0, isMany: true, startedAt: now, finishedAt: now }
    return { ...started, size: items.length, isMany: true }
  } catch (error) {
    const code = codeOfValues(error)
    if (code === undefined) throw error
    return failed(now, code, (error as Error).message)
  }
}

const failed = (now: number, code: string, message: string): NodeState => ({
  status: 'FAILED',
  finishedAt: now,
  error: { code, message: message.slice(0, STEP_MESSAGE), retryable: false } satisfies TaskFailure,
})
