import { RequestError, UnavailableError } from '../../domain/errors.ts'
import type { Payload, TaskKey } from '../../domain/task.ts'
import type { Plan } from '../../domain/workflow/plan.ts'
import { endWorkflow, type NodeState, type Workflow } from '../../domain/workflow/workflow.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'
import type { OwnedLimit } from '../limits/limit-owned.ts'

interface Dependencies {
  readonly workflows: WorkflowStore
  readonly clock: Clock
  /** The tenant's limit of running workflows. */
  readonly workflowLimit?: OwnedLimit
}

const MAX_TRIES = 10

/** @throws RequestError `not_found`. */
export async function getWorkflow(
  { workflows }: Pick<Dependencies, 'workflows'>,
  key: TaskKey,
): Promise<Workflow> {
  const workflow = await workflows.get(key)
  if (!workflow) throw new RequestError('not_found', `There is no workflow "${key.id}".`)
  return workflow
}

/**
 * Ends a workflow; its open tasks are cancelled after this write, by the caller or the sweeper.
 *
 * @throws RequestError `not_found`, or `wrong_state` when it has ended.
 */
export function cancelWorkflow(dependencies: Dependencies, key: TaskKey): Promise<Workflow> {
  return change(dependencies, key, (seen, now) => {
    if (seen.status !== 'RUNNING')
      throw new RequestError(
        'wrong_state',
        `The workflow is ${seen.status}; only one that is RUNNING can be cancelled.`,
      )
    return endWorkflow(seen, seen.nodes, now, 'CANCELLED').workflow
  })
}

/**
 * Runs a workflow again from the steps that did not complete; completed steps are kept.
 *
 * @throws RequestError `not_found`, or `wrong_state` when it runs, has completed, or still cancels its tasks; `limit_reached`.
 */
export async function retryWorkflow(dependencies: Dependencies, key: TaskKey): Promise<Workflow> {
  const { createdAt, status } = await getWorkflow(dependencies, key)
  if (status !== 'RUNNING')
    await dependencies.workflowLimit?.take(key.tenant, { id: key.id, since: createdAt })
  return change(dependencies, key, (seen, now) => {
    if (seen.status !== 'FAILED' && seen.status !== 'CANCELLED')
      throw new RequestError(
        'wrong_state',
        `The workflow is ${seen.status}; only one that is FAILED or CANCELLED can be retried.`,
      )
    if (seen.dueAt !== undefined && seen.dueAt <= now + 60_000)
      throw new RequestError(
        'wrong_state',
        'The workflow ended a moment ago and its tasks are being cancelled. Try again in a minute.',
      )
    const epoch = seen.epoch + 1
    const { finishedAt: _finished, error: _error, ttl: _ttl, expiresAt: _expires, ...rest } = seen
    const time = seen.timeoutMs === undefined ? {} : { expiresAt: now + seen.timeoutMs }
    const nodes = Object.entries(seen.nodes).map(
      ([name, state]) => [name, restartNode(state, epoch, now)] as const,
    )
    return { ...rest, ...time, epoch, status: 'RUNNING', nodes: Object.fromEntries(nodes), dueAt: now }
  })
}

/** A node with tasks continues with them; a node without starts from the beginning. */
function restartNode(state: NodeState, epoch: number, now: number): NodeState {
  if (state.status === 'COMPLETED' || (state.status === 'SKIPPED' && state.reason !== 'upstream'))
    return state
  const { size, isMany } = state
  if (!size) return { status: 'WAITING' }
  return { status: 'STARTING', started: 0, size, epoch, startedAt: now, ...(isMany ? { isMany } : {}) }
}

/**
 * Ends the wait of every step that waits for this signal, including steps that have not started. Later signals of the same
 * name are ignored.
 *
 * @throws RequestError `not_found` when no step waits for that name, `wrong_state` when the workflow has ended.
 */
export async function signalWorkflow(
  dependencies: Dependencies,
  key: TaskKey,
  name: string,
  payload: Payload,
  plan: Plan,
): Promise<Workflow> {
  const known = plan.nodes.flatMap((node) => (node.kind === 'wait' ? [node.signal] : []))
  if (!known.includes(name))
    throw new RequestError(
      'not_found',
      known.length
        ? `No step of this workflow waits for "${name}". It waits for: ${[...new Set(known)].join(', ')}.`
        : 'No step of this workflow waits for a signal.',
    )
  return change(dependencies, key, (seen, now) => {
    if (Object.hasOwn(seen.signals, name)) return seen
    if (seen.status !== 'RUNNING')
      throw new RequestError('wrong_state', `The workflow is ${seen.status}; it takes no signal any more.`)
    return { ...seen, signals: { ...seen.signals, [name]: { at: now, payload } }, dueAt: now }
  })
}

async function change(
  { workflows, clock }: Dependencies,
  key: TaskKey,
  make: (seen: Workflow, now: number) => Workflow,
): Promise<Workflow> {
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const seen = await getWorkflow({ workflows }, key)
    const next = make(seen, clock.now())
    if (next === seen || (await workflows.replace(seen, next))) return next
    await clock.sleep(Math.round(clock.random() * 20 * tries))
  }
  throw new UnavailableError('Too many at once move this workflow on.')
}
