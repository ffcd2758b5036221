/**
 * A workflow is a graph of nodes. `chain`, `group`, `chord` and named steps are ways to write the same thing; `compile`
 * turns each into a plan, and everything after it knows plans only.
 */

/** The body of a submission: what `POST /tasks` takes in its general form. */
export type TaskBody = Readonly<Record<string, unknown>> & { readonly type: string }

export interface Condition {
  /** A reference, e.g. `check.result.ok`. */
  readonly $from: string
  readonly default?: unknown
  readonly equals?: unknown
  readonly not_equals?: unknown
  readonly in?: readonly unknown[]
  readonly greater_than?: number
  readonly less_than?: number
}

interface NodeBase {
  readonly name: string
  /** Nodes that must end before this one starts. */
  readonly after: readonly string[]
  /** What `previous` means in this node's references. */
  readonly previous: readonly string[]
  readonly if?: Condition
}

/** One task, or one for each item of an array that an earlier node gave. */
export interface TaskNode extends NodeBase {
  readonly kind: 'task'
  readonly task: TaskBody
  /** Reference of the `$each` in the task's input. */
  readonly each?: string
}

/** Many tasks that nobody refers to one by one: one node, whatever their number. */
export interface GroupNode extends NodeBase {
  readonly kind: 'group'
  readonly tasks: readonly TaskBody[]
}

/** Waits for a call to `POST /workflows/{id}/signals/{name}`, or for its deadline. */
export interface WaitNode extends NodeBase {
  readonly kind: 'wait'
  readonly signal: string
  readonly timeoutMs?: number
  readonly onTimeout: 'fail' | 'continue'
}

export type PlanNode = TaskNode | GroupNode | WaitNode

export const FAILURE_POLICIES = ['fail_fast', 'continue'] as const
export type FailurePolicy = (typeof FAILURE_POLICIES)[number]

export interface Plan {
  readonly nodes: readonly PlanNode[]
  readonly onFailure: FailurePolicy
}

/** Nodes of one workflow: their states lie in its row. */
export const MAX_NODES = 500
/** Tasks of one node. */
export const MAX_TASKS = 10_000
