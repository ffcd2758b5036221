import { RequestError, UnavailableError } from '../../domain/errors.ts'
import { isFinal, type Task } from '../../domain/task.ts'
import { assignToWorkflowEpoch } from '../../domain/transitions.ts'
import type { PlanNode, TaskBody } from '../../domain/workflow/plan.ts'
import {
  type Parent,
  RESUME_MS,
  STEP_MESSAGE,
  shardOf,
  stepKey,
  type Workflow,
} from '../../domain/workflow/workflow.ts'
import type { ChangeResult } from '../../ports/task-store.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'
import { enqueue } from '../shared/enqueue.ts'
import type { FollowUpSteps } from '../shared/follow-up.ts'
import { restartTask } from '../shared/restart-task.ts'
import { sideBySide } from '../shared/side-by-side.ts'
import { type Submission, type SubmitDependencies, submitTask } from '../submit/submit-task.ts'
import { codeOfValues, readValues, TooLargeError } from './step-values.ts'

export interface WorkflowDependencies extends SubmitDependencies {
  readonly workflows: WorkflowStore
  readonly retentionDays: number
  /**
   * Validates a step's task, as `POST /tasks` does.
   * @throws RequestError with a path per field.
   */
  readonly prepare: (tenant: string, body: TaskBody) => Submission | Promise<Submission>
  readonly followUps: FollowUpSteps
  /** Receives messages for deadlines before the next sweep. */
  readonly wakeQueue?: WakeQueue
}

/** The number of created tasks is written to the row after this many. */
const CHUNK = 500
/** Inputs of this size are written two at a time: sixteen of 16 MB each do not fit into the function's memory. */
const LARGE_BYTES = 500_000
const LARGE_CONCURRENCY = 2
/** Most bytes of the inputs of all tasks of one step: each has its own copy of the values it refers to. */
const MAX_STEP_BYTES = 2_000_000_000

type TaskNodeToStart = Exclude<PlanNode, { kind: 'wait' }>
type BodyAt = (index: number) => TaskBody
/** Bodies of nodes by name and epoch, cached because they do not change and may need 10,000 results to be read. */
export type KnownBodies = Map<string, BodyAt>

/**
 * Creates the tasks of a starting node, continuing after those already created.
 *
 * @param known a cache that the caller keeps between the calls for the same node.
 * @returns the workflow to write next: with the node running, or with more of its tasks created.
 */
export async function startTasks(
  dependencies: WorkflowDependencies,
  workflow: Workflow,
  node: PlanNode,
  stopAt: number,
  known: KnownBodies = new Map(),
): Promise<Workflow> {
  const { clock } = dependencies
  const state = workflow.nodes[node.name]
  if (!state || node.kind === 'wait') return workflow
  const { size = 0, started: from = 0 } = state
  const set = (change: object): Workflow => ({
    ...workflow,
    nodes: { ...workflow.nodes, [node.name]: { ...state, ...change } },
    dueAt: clock.now() + RESUME_MS,
  })
  try {
    const bodyAt = known.get(`${node.name}#${state.epoch}`) ?? (await bodies(dependencies, workflow, node))
    known.set(`${node.name}#${state.epoch}`, bodyAt)
    const bytes = from < size ? Buffer.byteLength(JSON.stringify(bodyAt(from).input ?? null)) : 0
    if (bytes * size > MAX_STEP_BYTES)
      throw new TooLargeError(
        `Each of its ${size} tasks would get a copy of ${Math.round(bytes / 1_000)} kB. Refer to what each needs, or pass files.`,
      )
    const until = Math.min(size, from + CHUNK)
    let refused: { readonly error: RequestError; readonly index: number } | undefined
    const made = await sideBySide(
      until,
      async (index) => {
        try {
          await startOne(dependencies, workflow, node, { index, size, body: bodyAt(index) })
        } catch (error) {
          if (!(error instanceof RequestError)) throw error
          // Places are freed as other tasks end, so the workflow waits. Money is not, so a spent budget fails the step.
          if (error.code === 'limit_reached') throw new UnavailableError(error.message, { cause: error })
          refused ??= { error, index }
        }
      },
      from,
      () => clock.now() > stopAt || refused !== undefined,
      bytes > LARGE_BYTES ? LARGE_CONCURRENCY : undefined,
    )
    if (refused)
      return set({
        status: 'FAILED',
        finishedAt: clock.now(),
        error: {
          code: refused.error.code === 'budget_exhausted' ? refused.error.code : 'invalid_step',
          message:
            `${size > 1 ? `Task ${refused.index + 1} of ${size}: ` : ''}${refused.error.message}`.slice(
              0,
              STEP_MESSAGE,
            ),
          retryable: false,
        },
      })
    if (made >= size) return set({ status: 'RUNNING', started: size })
    const some = set({ started: made })
    // The time is over: due at once, so that the next call continues.
    return clock.now() > stopAt ? { ...some, dueAt: clock.now() } : some
  } catch (error) {
    const code = codeOfValues(error)
    if (code === undefined) throw error
    return set({
      status: 'FAILED',
      finishedAt: clock.now(),
      error: { code, message: (error as Error).message.slice(0, STEP_MESSAGE), retryable: false },
    })
  }
}

/** The bodies of a node's tasks, with references replaced by values. */
async function bodies(
  dependencies: WorkflowDependencies,
  workflow: Workflow,
  node: TaskNodeToStart,
): Promise<BodyAt> {
  const values = await readValues(dependencies, workflow, node)
  const filled = (body: TaskBody, item?: { readonly value: unknown }): TaskBody => ({
    ...body,
    ...(body.input === undefined ? {} : { input: values.resolve(body.input, item) }),
  })
  if (node.kind === 'group') return (index) => filled(node.tasks[index] as TaskBody)
  if (node.each === undefined) return () => filled(node.task)
  const items = values.readText(node.each) as readonly unknown[]
  return (index) => filled(node.task, { value: items[index] })
}

async function startOne(
  dependencies: WorkflowDependencies,
  workflow: Workflow,
  node: TaskNodeToStart,
  { index, size, body }: { readonly index: number; readonly size: number; readonly body: TaskBody },
): Promise<void> {
  const { tenant, id, epoch, onFailure } = workflow
  const parent: Parent = {
    workflow: id,
    epoch,
    node: node.name,
    index,
    size,
    isFailFast: onFailure === 'fail_fast',
  }
  const submission: Submission = {
    ...(await dependencies.prepare(tenant, body)),
    tags: [...new Set([...workflow.tags, ...((body.tags as readonly string[] | undefined) ?? [])])].slice(
      0,
      20,
    ),
    idempotencyKey: stepKey(id, node.name, index),
    // Derived from the step, so that it is the same task even if an earlier step's value has changed.
    bodyHash: stepKey(id, node.name, index),
    parent,
  }
  const { task, isReplay } = await submitTask(dependencies, submission)
  if (isReplay && task.parent?.epoch !== epoch) await takeUp(dependencies, workflow, parent, task)
}

/** A task of an earlier epoch of the workflow: a completed one is kept, any other is retried. */
async function takeUp(
  dependencies: WorkflowDependencies,
  workflow: Workflow,
  parent: Parent,
  met: Task,
): Promise<void> {
  const { store, workflows } = dependencies
  let task: Task | undefined = met
  while (task && task.parent?.epoch !== parent.epoch) {
    if (task.status === 'COMPLETED') {
      const place = { workflow, epoch: parent.epoch, node: parent.node, shard: shardOf(parent.index) }
      await workflows.addToJoin(place, parent.index, true, task.usage ? task.usage.costMicroUsd : 0)
      return
    }
    // Refused when the task has changed since the read; then its present state decides.
    const isOver = isFinal(task.status)
    const changed: ChangeResult = isOver
      ? await restartTask(dependencies, task, { epoch: task.epoch, parent })
      : await store.change(task, assignToWorkflowEpoch(task.epoch, parent))
    if (isOver && changed.changed && changed.task) await enqueue(dependencies, changed.task)
    if (isOver && !changed.changed && changed.task?.epoch === task.epoch)
      throw new UnavailableError('What follows the end of a step is still under way.')
    task = changed.task
  }
}
