/**
 * The row of a workflow, and the decisions that follow from it. The row holds the state of each node. The tasks of a node are
 * ordinary tasks with ids derived from workflow, node and index, so that starting a node twice creates the same tasks.
 */
import type { Payload, TaskFailure, TaskKey } from '../task.ts'
import type { FailurePolicy, Plan, PlanNode } from './plan.ts'
import { canRunWithout } from './references.ts'

export const WORKFLOW_STATUSES = ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const
export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number]

export const NODE_STATUSES = [
  'WAITING',
  'STARTING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'SKIPPED',
  'CANCELLED',
] as const
export type NodeStatus = (typeof NODE_STATUSES)[number]

/** `condition`: its `if` was false. `upstream`: a required step failed. `timeout`: its signal did not arrive in time. */
export const SKIP_REASONS = ['condition', 'upstream', 'timeout'] as const
export type SkipReason = (typeof SKIP_REASONS)[number]

export interface NodeState {
  readonly status: NodeStatus
  /** Number of tasks of the node, once it has started. */
  readonly size?: number
  /** The node has several tasks, and its result is a list. */
  readonly isMany?: true
  /** Number of tasks created so far, while it starts. */
  readonly started?: number
  /** The workflow's epoch in which the node last started; its join has the same epoch. */
  readonly epoch?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly error?: TaskFailure
  /** Cost of its tasks, once it has ended; null when a price is unknown. */
  readonly costMicroUsd?: number | null
  readonly reason?: SkipReason
  /** Name of the signal that a wait node waits for. */
  readonly signal?: string
}

export interface Workflow extends TaskKey {
  readonly name: string
  readonly status: WorkflowStatus
  /** Increased by each retry by hand. */
  readonly epoch: number
  /** Increased by every write. */
  readonly version: number
  readonly plan: Payload
  readonly onFailure: FailurePolicy
  readonly nodes: Readonly<Record<string, NodeState>>
  /** Received signals by name, including those that arrived before a node waits for them. */
  readonly signals: Readonly<Record<string, { readonly at: number; readonly payload: Payload }>>
  readonly tags: readonly string[]
  readonly bodyHash: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly finishedAt?: number
  /** Longest duration of the whole workflow, from its start and from each retry by hand. */
  readonly timeoutMs?: number
  /** When the whole workflow must have ended. */
  readonly expiresAt?: number
  readonly error?: TaskFailure
  /** When the sweeper must check the row; on a final row, until its open tasks are cancelled. */
  readonly dueAt?: number
  /** Seconds since 1970. Only final rows have one. */
  readonly ttl?: number
}

/** The workflow and step of a task. */
export interface Parent {
  readonly workflow: string
  readonly epoch: number
  readonly node: string
  readonly index: number
  readonly size: number
  /** The first failure ends the workflow, so failures are reported to it at once. */
  readonly isFailFast: boolean
}

/** Indexes of a node's tasks that have ended. A set, so that adding one twice has no effect. */
export interface Join {
  readonly completed: ReadonlySet<number>
  readonly failed: ReadonlySet<number>
  /** Cost of all ended tasks; null when a price is unknown. */
  readonly costMicroUsd: number | null
  /** Error of the first task that did not complete. */
  readonly cause?: { readonly id: string; readonly code: string; readonly message: string }
}

/**
 * A task's cost as an entry of a set, so that adding it twice has no effect. A task that failed and completed after a retry has
 * two entries; the larger one counts, because a task's usage includes all its attempts.
 */
export const costEntry = (index: number, costMicroUsd: number | null): string =>
  `${index}:${costMicroUsd ?? '?'}`

/** @returns the sum; null when one cost is unknown. */
export function sumOfCosts(entries: Iterable<string>): number | null {
  const costs = new Map<string, number>()
  for (const entry of entries) {
    const [index = '', cost = ''] = entry.split(':')
    if (cost === '?') return null
    costs.set(index, Math.max(costs.get(index) ?? 0, Number(cost)))
  }
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0)
}

/**
 * Limits for the message of a failed step and for signals stored in the row. With 500 steps that all failed, or all waited,
 * the row stays below DynamoDB's 400 kB, so that a workflow can always end.
 */
export const STEP_MESSAGE = 300
export const SIGNAL_INLINE_BYTES = 500

/** Indexes per item of a join: 500 numbers are about 3 kB. */
export const JOIN_SHARD = 500
export const shardOf = (index: number): number => Math.floor(index / JOIN_SHARD)
export const shardsOf = (size: number): number => Math.ceil(size / JOIN_SHARD)
export const shardSize = (size: number, shard: number): number =>
  Math.min(JOIN_SHARD, size - shard * JOIN_SHARD)

export const isEnded = (status: NodeStatus): boolean =>
  status === 'COMPLETED' || status === 'FAILED' || status === 'SKIPPED' || status === 'CANCELLED'

/** Whether tasks of the node may already end; not all of them need to exist yet. */
export const hasTasks = (state: NodeState | undefined): boolean =>
  state?.status === 'STARTING' || state?.status === 'RUNNING'

/**
 * The text from which the id of a step's task is derived. Starts with a character that no Idempotency-Key may contain, so
 * that no caller can create a task with this id.
 */
export const stepKey = (workflow: string, node: string, index: number): string =>
  `\u0000workflow/${workflow}/${node}/${index}`

/** The sweeper checks a workflow without events this often; its tasks are due on their own. */
const QUIET_CHECK_MS = 15 * 60_000
/** When an interrupted start of a node, or an interrupted cancellation, is continued. */
export const RESUME_MS = 60_000

export interface Decision {
  readonly workflow: Workflow
  /** Nodes to start, in the order of the plan. */
  readonly start: readonly PlanNode[]
  readonly isChanged: boolean
}

/**
 * Decides the next changes of a workflow without side effects: which nodes have ended, are skipped or start, and whether the
 * workflow ends.
 *
 * @param joins joins of the running nodes.
 */
export function decideNextNodes(
  plan: Plan,
  seen: Workflow,
  joins: ReadonlyMap<string, Join>,
  now: number,
): Decision {
  if (seen.status !== 'RUNNING') return { workflow: seen, start: [], isChanged: false }
  const nodes: Record<string, NodeState> = { ...seen.nodes }
  const set = (name: string, state: NodeState) => {
    nodes[name] = { ...nodes[name], ...state }
  }
  for (const node of plan.nodes) {
    const state = nodes[node.name]
    if (!state || !hasTasks(state)) continue
    const ended =
      node.kind === 'wait' ? endOfWait(node, state, seen, now) : endOfTasks(state, joins.get(node.name), plan)
    if (ended) set(node.name, { ...ended, finishedAt: now })
  }
  const failed = plan.nodes.find(({ name }) => nodes[name]?.status === 'FAILED')
  const hasEnded = () => plan.nodes.every(({ name }) => isEnded(nodes[name]?.status ?? 'WAITING'))
  if (seen.expiresAt !== undefined && seen.expiresAt <= now && !hasEnded())
    return endWorkflow(seen, nodes, now, 'FAILED', {
      code: 'workflow_timeout',
      message: 'The workflow did not end within its time.',
      retryable: true,
    })
  if (failed && plan.onFailure === 'fail_fast')
    return endWorkflow(seen, nodes, now, 'FAILED', failureOf(failed.name, nodes[failed.name]))

  // A skipped node can cause others to be skipped, and nodes are in the caller's order, so repeat until nothing changes.
  const start: PlanNode[] = []
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const node of plan.nodes) {
      if (nodes[node.name]?.status !== 'WAITING' || start.includes(node)) continue
      const before = node.after.map((name) => [name, nodes[name]] as const)
      if (!before.every(([, state]) => state && isEnded(state.status))) continue
      const isBlocked = before.some(([name, state]) => gaveNothing(state) && !canRunWithout(node, name))
      if (isBlocked) {
        set(node.name, { status: 'SKIPPED', reason: 'upstream', finishedAt: now })
        isMoving = true
      } else start.push(node)
    }
  }
  if (start.length === 0 && hasEnded())
    return failed
      ? endWorkflow(seen, nodes, now, 'FAILED', failureOf(failed.name, nodes[failed.name]))
      : endWorkflow(seen, nodes, now, 'COMPLETED')
  const workflow = { ...seen, nodes, dueAt: nextLook(plan, nodes, seen, now) }
  return { workflow, start, isChanged: changed(seen.nodes, nodes) || workflow.dueAt !== seen.dueAt }
}

/** The node failed, or was skipped because of a failure. A node whose condition was false does not count. */
const gaveNothing = (state: NodeState | undefined): boolean =>
  state?.status === 'FAILED' || state?.status === 'CANCELLED' || state?.reason === 'upstream'

const changed = (before: Workflow['nodes'], after: Workflow['nodes']): boolean =>
  Object.entries(after).some(([name, state]) => before[name]?.status !== state.status)

function endOfTasks(state: NodeState, join: Join | undefined, { onFailure }: Plan): NodeState | undefined {
  const completed = join?.completed.size ?? 0
  const failed = join?.failed.size ?? 0
  const size = state.size ?? 0
  if (failed > 0 && onFailure === 'fail_fast')
    return { status: 'FAILED', error: failures(failed, size, join?.cause) }
  if (completed + failed < size) return undefined
  const cost = { costMicroUsd: join?.costMicroUsd ?? null }
  return failed === 0
    ? { status: 'COMPLETED', ...cost }
    : { status: 'FAILED', error: failures(failed, size, join?.cause), ...cost }
}

const failures = (failed: number, size: number, cause: Join['cause']): TaskFailure => ({
  code: 'step_failed',
  message: [
    size === 1 ? 'Its task did not complete' : `${failed} of its ${size} tasks did not complete`,
    cause && `${size === 1 ? '' : `the first is ${cause.id}, `}${cause.code}: ${cause.message}`,
  ]
    .filter(Boolean)
    .join(size === 1 ? ', ' : '; ')
    .replace(/[^.!?]$/, '$&.')
    .slice(0, STEP_MESSAGE),
  retryable: true,
})

function endOfWait(
  node: Extract<PlanNode, { kind: 'wait' }>,
  state: NodeState,
  { signals }: Workflow,
  now: number,
): NodeState | undefined {
  if (Object.hasOwn(signals, node.signal)) return { status: 'COMPLETED' }
  if (node.timeoutMs === undefined || (state.startedAt ?? now) + node.timeoutMs > now) return undefined
  if (node.onTimeout === 'continue') return { status: 'SKIPPED', reason: 'timeout' }
  return {
    status: 'FAILED',
    error: { code: 'signal_timeout', message: `No signal "${node.signal}" came in time.`, retryable: true },
  }
}

const failureOf = (name: string, state: NodeState | undefined): TaskFailure => ({
  code: state?.error?.code ?? 'step_failed',
  message: `Step "${name}": ${state?.error?.message ?? 'failed.'}`.slice(0, 1_000),
  retryable: true,
})

/** Ends the workflow: open nodes are cancelled, and the row stays due until their tasks are cancelled. */
export function endWorkflow(
  seen: Workflow,
  nodes: Readonly<Record<string, NodeState>>,
  now: number,
  status: Exclude<WorkflowStatus, 'RUNNING'>,
  error?: TaskFailure,
): Decision {
  const states = Object.entries(nodes).map(
    ([name, state]) =>
      [
        name,
        isEnded(state.status) ? state : { ...state, status: 'CANCELLED' as const, finishedAt: now },
      ] as const,
  )
  const { dueAt: _due, error: _error, ...rest } = seen
  return {
    workflow: {
      ...rest,
      status,
      nodes: Object.fromEntries(states),
      finishedAt: now,
      ...(error ? { error } : {}),
      ...(hasOpenTasks(nodes) ? { dueAt: now } : {}),
    },
    start: [],
    isChanged: true,
  }
}

/** Whether a node that failed early or was cancelled may have running tasks. */
const hasOpenTasks = (nodes: Readonly<Record<string, NodeState>>): boolean =>
  Object.values(nodes).some(
    ({ status, size = 0 }) =>
      size > 0 && (status === 'STARTING' || status === 'RUNNING' || status === 'FAILED'),
  )

/** Keeps a due time that is far enough ahead, so that a check without changes writes nothing. */
function nextLook(
  plan: Plan,
  nodes: Readonly<Record<string, NodeState>>,
  { expiresAt, dueAt = 0 }: Workflow,
  now: number,
): number {
  const isFarAhead = dueAt > now + QUIET_CHECK_MS / 2 && dueAt <= now + QUIET_CHECK_MS

  const waits = plan.nodes.flatMap((node) => {
    const state = nodes[node.name]
    return node.kind === 'wait' && node.timeoutMs !== undefined && state?.status === 'RUNNING'
      ? [(state.startedAt ?? now) + node.timeoutMs]
      : []
  })
  const starting = Object.values(nodes).some(({ status }) => status === 'STARTING') ? [now + RESUME_MS] : []
  const safety = isFarAhead ? dueAt : now + QUIET_CHECK_MS
  return Math.min(safety, ...waits, ...starting, ...(expiresAt === undefined ? [] : [expiresAt]))
}
