import { MissingError } from '../../domain/errors.ts'
import type { Payload } from '../../domain/task.ts'
import type { PlanNode } from '../../domain/workflow/plan.ts'
import {
  findReferences,
  MissingReferenceError,
  parseReference,
  type Reference,
  readReference,
  resolve,
  type StepValue,
} from '../../domain/workflow/references.ts'
import { stepKey, type Workflow } from '../../domain/workflow/workflow.ts'
import type { Ids } from '../../ports/clock.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { sideBySide } from './side-by-side.ts'

interface Dependencies {
  readonly store: TaskStore
  readonly payloads: PayloadStore
  readonly ids: Ids
}

/** Reads what the steps that a node refers to gave, and nothing else. */
export async function readValues(
  dependencies: Dependencies,
  workflow: Workflow,
  node: PlanNode,
): Promise<Values> {
  const values = new Map<string, StepValue>()
  for (const name of stepsOf(node)) values.set(name, await readStep(dependencies, workflow, name))
  return new Values(values, node)
}

/** What a node's references mean. */
export class Values {
  readonly #values: ReadonlyMap<string, StepValue>
  readonly #previous: readonly string[]

  constructor(values: ReadonlyMap<string, StepValue>, { previous }: Pick<PlanNode, 'previous'>) {
    this.#values = values
    this.#previous = previous
  }

  /** @throws MissingReferenceError */
  read = (reference: Reference, fallback: { readonly default?: unknown } = {}): unknown =>
    readReference(reference, this.#valueOf, fallback)

  /** @throws MissingReferenceError */
  readText(text: string, fallback: { readonly default?: unknown } = {}): unknown {
    const reference = parseReference(text)
    return typeof reference === 'string' ? undefined : this.read(reference, fallback)
  }

  /** @throws MissingReferenceError */
  resolve(value: unknown, item?: { readonly value: unknown }): unknown {
    return resolve(value, this.read, item)
  }

  #valueOf = (step: string): StepValue | undefined => {
    if (step !== 'previous') return this.#values.get(step)
    const [only, ...more] = this.#previous
    if (only !== undefined && more.length === 0) return this.#values.get(only)
    // A group of steps that have names: one value for each, in the order they were written.
    const values = this.#previous.map((name) => this.#values.get(name))
    const isWhole = values.every((value) => value?.status === 'COMPLETED')
    return {
      status: isWhole ? 'COMPLETED' : 'FAILED',
      results: values.map((value) => (value?.results ?? value?.result ?? null) as unknown),
    }
  }
}

function stepsOf(node: PlanNode): ReadonlySet<string> {
  const texts: unknown[] = node.if ? [node.if.$from] : []
  if (node.kind === 'task') texts.push(...findReferences(node.task.input, '').map(({ text }) => text))
  if (node.kind === 'group')
    for (const { input } of node.tasks) texts.push(...findReferences(input, '').map(({ text }) => text))
  const steps = new Set<string>()
  for (const text of texts) {
    const reference = parseReference(text)
    if (typeof reference === 'string') continue
    if (reference.step === 'previous') for (const name of node.previous) steps.add(name)
    else steps.add(reference.step)
  }
  return steps
}

async function readStep(
  { store, payloads, ids }: Dependencies,
  workflow: Workflow,
  name: string,
): Promise<StepValue> {
  const state = workflow.nodes[name]
  if (!state) return { status: 'WAITING' }
  const { status, error = null, size } = state
  if (status !== 'COMPLETED') return { status, error }
  const read = async (payload: Payload): Promise<unknown> => {
    const text = await payloads.read(payload).catch((cause: unknown) => {
      if (!(cause instanceof MissingError)) throw cause
      throw new MissingReferenceError(`What step "${name}" gave is not there any more.`, { cause })
    })
    return JSON.parse(text)
  }
  const signal = state.signal === undefined ? undefined : workflow.signals[state.signal]
  if (size === undefined) return { status, result: signal ? await read(signal.payload) : null, error }
  const results: unknown[] = new Array(size).fill(null)
  await sideBySide(size, async (index) => {
    const id = ids.derivedTaskId(workflow.tenant, stepKey(workflow.id, name, index))
    const task = await store.get({ tenant: workflow.tenant, id })
    if (task?.result) results[index] = await read(task.result)
  })
  return state.isMany ? { status, results, error } : { status, result: results[0], error }
}
