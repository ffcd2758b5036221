import { type NodeState, shardsOf, stepKey, type Workflow } from '../../domain/workflow/workflow.ts'
import type { Ids } from '../../ports/clock.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'
import { sideBySide } from '../shared/side-by-side.ts'
import { readPlan } from './read-plan.ts'

export interface ShowWorkflowDependencies {
  readonly workflows: WorkflowStore
  readonly store: TaskStore
  readonly payloads: PayloadStore
  readonly ids: Ids
}

export interface ShownStep {
  readonly name: string
  readonly kind: 'task' | 'group' | 'each' | 'wait'
  readonly type: string | null
  readonly after: readonly string[]
  readonly state: NodeState
  readonly completed: number
  readonly failed: number
  /** Id of its task, for a step with one task. */
  readonly taskId: string | null
}

export interface ShownWorkflow {
  readonly workflow: Workflow
  readonly steps: readonly ShownStep[]
  /** Number of tasks created so far. */
  readonly tasks: number
  /** Cost of all ended tasks; null when a price is unknown. */
  readonly costMicroUsd: number | null
}

export async function showWorkflow(
  dependencies: ShowWorkflowDependencies,
  workflow: Workflow,
): Promise<ShownWorkflow> {
  const { workflows, payloads, ids } = dependencies
  const plan = (await readPlan(payloads, workflow)) ?? { nodes: [] }
  const steps: ShownStep[] = new Array(plan.nodes.length)
  let costMicroUsd: number | null = 0
  await sideBySide(plan.nodes.length, async (index) => {
    const node = plan.nodes[index]
    if (!node) return
    const state = workflow.nodes[node.name] ?? { status: 'WAITING' as const }
    const { size = 0, epoch = workflow.epoch, isMany } = state
    const isCounted = size > 0 && (state.status !== 'COMPLETED' || state.costMicroUsd === undefined)
    const join = isCounted
      ? await workflows.readJoin({ workflow, epoch, node: node.name }, shardsOf(size))
      : undefined
    const { costMicroUsd: known = 0 } = state
    const cost = join ? join.costMicroUsd : known
    costMicroUsd = cost === null || costMicroUsd === null ? null : costMicroUsd + cost
    steps[index] = {
      name: node.name,
      kind: node.kind === 'task' && node.each !== undefined ? 'each' : node.kind,
      type:
        node.kind === 'task' ? node.task.type : node.kind === 'group' ? (node.tasks[0]?.type ?? null) : null,
      after: node.after,
      state,
      completed: join ? join.completed.size : state.status === 'COMPLETED' ? size : 0,
      failed: join?.failed.size ?? 0,
      taskId:
        size === 1 && !isMany ? ids.derivedTaskId(workflow.tenant, stepKey(workflow.id, node.name, 0)) : null,
    }
  })
  // `started` is written only every 500 tasks, so ended tasks are counted as well.
  const tasks = steps.reduce(
    (sum, { state: { size = 0, started = size }, completed, failed }) =>
      sum + Math.max(started, completed + failed),
    0,
  )
  return { workflow, steps, tasks, costMicroUsd }
}

const SHAPES: Readonly<Record<ShownStep['kind'], readonly [string, string]>> = {
  task: ['[', ']'],
  group: ['[[', ']]'],
  each: ['[[', ']]'],
  wait: ['([', '])'],
}

/** The graph as a Mermaid flowchart, with the state of each step as its class. */
export function toMermaid({ steps }: ShownWorkflow): string {
  const idOf = new Map(steps.map(({ name }, index) => [name, `s${index}`]))
  const text = (words: string): string => words.replace(/["<>&#;]/g, ' ')
  const lines = steps.map(({ name, kind, type, state, completed }) => {
    const [open, close] = SHAPES[kind]
    const many = state.size !== undefined && state.size !== 1 ? ` ${completed}/${state.size}` : ''
    const label = `${text(name)}${type ? `<br/>${text(type)}` : ''}${many}`
    return `  ${idOf.get(name)}${open}"${label}"${close}:::${state.status.toLowerCase()}`
  })
  const arrows = steps.flatMap(({ name, after }) =>
    after.map((before) => `  ${idOf.get(before)} --> ${idOf.get(name)}`),
  )
  const classes = [
    'completed fill:#d3f9d8,stroke:#2b8a3e,color:#000',
    'running fill:#d0ebff,stroke:#1864ab,color:#000',
    'starting fill:#d0ebff,stroke:#1864ab,color:#000',
    'failed fill:#ffe3e3,stroke:#c92a2a,color:#000',
    'skipped fill:#f1f3f5,stroke:#868e96,color:#000',
    'cancelled fill:#fff3bf,stroke:#e67700,color:#000',
    'waiting fill:#fff,stroke:#868e96,color:#000',
  ].map((line) => `  classDef ${line}`)
  return ['flowchart TD', ...lines, ...arrows, ...classes].join('\n')
}
