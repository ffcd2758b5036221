import { LIMITS } from '../../../contract.ts'
import { MissingError } from '../../domain/errors.ts'
import { type Payload, payloadBytes } from '../../domain/task.ts'
import type { PlanNode } from '../../domain/workflow/plan.ts'
import {
  MissingReferenceError,
  parseReference,
  type Reference,
  readReference,
  referencesOf,
  resolveReferences,
  type StepValue,
} from '../../domain/workflow/references.ts'
import { stepKey, type Workflow } from '../../domain/workflow/workflow.ts'
import type { Ids } from '../../ports/clock.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { sideBySide } from '../shared/side-by-side.ts'

interface Dependencies {
  readonly store: TaskStore
  readonly payloads: PayloadStore
  readonly ids: Ids
}

/** The results that a node refers to are more than one function can hold in memory. */
export class TooLargeError extends Error {}

/** @returns the error code of a step whose values can never be read; undefined for another error. */
export function codeOfValues(error: unknown): 'reference_missing' | 'values_too_large' | undefined {
  if (error instanceof MissingReferenceError) return 'reference_missing'
  return error instanceof TooLargeError ? 'values_too_large' : undefined
}

/**
 * Reads only the results that a node refers to.
 *
 * @throws TooLargeError before anything large is read.
 */
export async function readValues(
  dependencies: Dependencies,
  workflow: Workflow,
  node: PlanNode,
): Promise<Values> {
  const values = new Map<string, StepValue>()
  let bytes = 0
  const count = (payload: Payload) => {
    bytes += payloadBytes(payload)
    if (bytes > LIMITS.resultBytes)
      throw new TooLargeError(
        `What it refers to is more than ${LIMITS.resultBytes / 1_000_000} MB. Refer to fields of smaller results, or pass files.`,
      )
  }
  for (const name of stepsOf(node)) values.set(name, await readStep(dependencies, workflow, name, count))
  return new Values(values, node)
}

/** The values of a node's references. */
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
    return resolveReferences(value, this.read, item)
  }

  #valueOf = (step: string): StepValue | undefined => {
    if (step !== 'previous') return this.#values.get(step)
    const [only, ...more] = this.#previous
    if (only !== undefined && more.length === 0) return this.#values.get(only)
    // `previous` of several named steps is a list of their values, in the order of the body.
    const values = this.#previous.map((name) => this.#values.get(name))
    const isWhole = values.every((value) => value?.status === 'COMPLETED')
    return {
      status: isWhole ? 'COMPLETED' : 'FAILED',
      results: values.map((value) => (value?.results ?? value?.result ?? null) as unknown),
    }
  }
}

function stepsOf(node: PlanNode): ReadonlySet<string> {
  const steps = new Set<string>()
  for (const { text } of referencesOf(node)) {
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
  count: (payload: Payload) => void,
): Promise<StepValue> {
  const state = workflow.nodes[name]
  if (!state) return { status: 'WAITING' }
  const { status, error = null, size, isMany } = state
  if (status !== 'COMPLETED' && !isMany) return { status, error }
  const read = async (payload: Payload): Promise<unknown> => {
    count(payload)
    const text = await payloads.read(payload).catch((cause: unknown) => {
      if (!(cause instanceof MissingError)) throw cause
      throw new MissingReferenceError(`The result of step "${name}" has been deleted.`, { cause })
    })
    return JSON.parse(text)
  }
  const signal = state.signal === undefined ? undefined : workflow.signals[state.signal]
  if (size === undefined)
    return status === 'COMPLETED'
      ? { status, result: signal ? await read(signal.payload) : null, error }
      : { status, error }
  const results: unknown[] = new Array(size).fill(null)
  await sideBySide(size, async (index) => {
    const id = ids.derivedTaskId(workflow.tenant, stepKey(workflow.id, name, index))
    const task = await store.get({ tenant: workflow.tenant, id })
    if (task?.status === 'COMPLETED' && task.result) results[index] = await read(task.result)
  })
  return isMany ? { status, results, error } : { status, result: results[0], error }
}
