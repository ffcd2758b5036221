import type { Plan, PlanNode } from '../../../functions/core/domain/workflow/plan.ts'
import type { NodeStatus } from '../../../functions/core/domain/workflow/workflow.ts'

/** The test's choices: which tasks fail, by `node/index`, and which signals come. */
export interface Outcomes {
  readonly fails: ReadonlySet<string>
  readonly signals: ReadonlySet<string>
}

interface Expected {
  readonly status: NodeStatus
  readonly isUpstream?: boolean
  /** What a reference to `result` returns. */
  readonly result?: { readonly number: number; readonly items: number } | 'many' | 'nothing'
}

/**
 * The state in which each node ends: computed from the graph in one pass, with no store, queue or clock. Supports only the
 * inputs that the property test makes.
 */
export function expectedStates(plan: Plan, outcomes: Outcomes): Readonly<Record<string, NodeStatus>> {
  const ends = new Map<string, Expected>()
  const endOf = (name: string): Expected => {
    const known = ends.get(name)
    if (known) return known
    const node = plan.nodes.find((one) => one.name === name)
    if (!node) throw new Error(`no node ${name}`)
    const end = expectedEnd(node, outcomes, endOf)
    ends.set(name, end)
    return end
  }
  return Object.fromEntries(plan.nodes.map(({ name }) => [name, endOf(name).status]))
}

function expectedEnd(
  node: PlanNode,
  { fails, signals }: Outcomes,
  endOf: (name: string) => Expected,
): Expected {
  const before = node.after.map(endOf)
  const isRescue = node.kind === 'task' && (node.task.input as { rescues?: boolean }).rescues === true
  if (!isRescue && before.some(({ status, isUpstream }) => status === 'FAILED' || isUpstream))
    return { status: 'SKIPPED', isUpstream: true }
  if (node.kind === 'wait') {
    if (signals.has(node.signal)) return { status: 'COMPLETED', result: { number: 1, items: 1 } }
    return node.onTimeout === 'fail' ? { status: 'FAILED' } : { status: 'SKIPPED', result: 'nothing' }
  }
  if (node.if) {
    const source = endOf(node.if.$from.split('.')[0] ?? '')
    const value = typeof source.result === 'object' ? source.result.number : node.if.default
    if (value !== node.if.equals) return { status: 'SKIPPED', result: 'nothing' }
  }
  const ran = (size: number, result: NonNullable<Expected['result']>): Expected =>
    Array.from({ length: size }, (_, index) => `${node.name}/${index}`).some((one) => fails.has(one))
      ? { status: 'FAILED' }
      : { status: 'COMPLETED', result }
  if (node.kind === 'group') return ran(node.tasks.length, 'many')
  if (node.task.type === 'test.refused') return { status: 'FAILED' }
  const { number } = node.task.input as { readonly number: number }
  if (node.each === undefined) return ran(1, { number, items: number })
  const source = endOf(node.each.split('.')[0] ?? '')
  // Not a list of results: a skipped step, or a list itself, which has no field "list".
  if (typeof source.result !== 'object') return { status: 'FAILED' }
  return ran(source.result.items, 'many')
}
