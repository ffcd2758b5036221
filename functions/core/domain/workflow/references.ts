/**
 * References in a step's input: `{"$from": "a.result.text"}` is replaced by a value of an earlier step. `{"$each":
 * "a.result.items"}` makes one task for each item of an array and is replaced by the item. An object is a reference only when
 * it has no other field (except `default`); `{"$literal": …}` keeps its content unchanged.
 */
import type { FieldError } from '../errors.ts'
import type { PlanNode } from './plan.ts'

export type Root = 'result' | 'results' | 'status' | 'error'
const ROOTS: readonly Root[] = ['result', 'results', 'status', 'error']

export interface Reference {
  /** Name of the step, or `previous`. */
  readonly step: string
  readonly root: Root
  readonly path: readonly string[]
  readonly text: string
}

/** @returns the reference, or a text that says why it is invalid. */
export function parseReference(text: unknown): Reference | string {
  if (typeof text !== 'string' || text.length > 500) return 'must be a text such as "a.result.text"'
  const [step = '', root = '', ...path] = text.replace(/\[(\d+)\]/g, '.$1').split('.')
  if (!step || !(ROOTS as readonly string[]).includes(root))
    return `"${text}" must be a step's name, then one of ${ROOTS.join(', ')}, then the field, e.g. "a.result.text"`
  if (path.some((part) => part === '')) return `"${text}" has an empty part`
  return { step, root: root as Root, path, text }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const isMarked = (value: Record<string, unknown>, mark: string, ...extra: readonly string[]): boolean =>
  Object.hasOwn(value, mark) && Object.keys(value).every((key) => key === mark || extra.includes(key))

export interface PlacedReference {
  readonly kind: 'from' | 'each'
  readonly path: string
  readonly text: unknown
  readonly hasDefault?: boolean
}

export function findReferences(value: unknown, path: string): readonly PlacedReference[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => findReferences(item, `${path}.${index}`))
  if (!isObject(value) || isMarked(value, '$literal')) return []
  if (isMarked(value, '$from', 'default'))
    return [{ kind: 'from', path, text: value.$from, hasDefault: Object.hasOwn(value, 'default') }]
  if (isMarked(value, '$each')) return [{ kind: 'each', path, text: value.$each }]
  return Object.entries(value).flatMap(([key, item]) => findReferences(item, `${path}.${key}`))
}

/**
 * References of a node, including its `if`.
 *
 * @param path where the node was written in the body.
 */
export function referencesOf(node: PlanNode, path = ''): readonly PlacedReference[] {
  const { if: condition } = node
  const asked: readonly PlacedReference[] = condition
    ? [
        {
          kind: 'from',
          path: `${path}.if`,
          text: condition.$from,
          hasDefault: Object.hasOwn(condition, 'default'),
        },
      ]
    : []
  if (node.kind === 'task') return [...asked, ...findReferences(node.task.input, `${path}.input`)]
  if (node.kind === 'group')
    return node.tasks.flatMap(({ input }, index) => findReferences(input, `${path}.${index}.input`))
  return asked
}

/**
 * Whether a node can run when another one has no result: it reads only that node's status or error, or has a `default` for its
 * result. A node that is only named in `after` is required.
 */
export function canRunWithout(node: PlanNode, name: string): boolean {
  const found = referencesOf(node).flatMap(({ text, kind, hasDefault }) => {
    const reference = parseReference(text)
    if (typeof reference === 'string') return []
    const { step, root } = reference
    if (step !== name && !(step === 'previous' && node.previous.includes(name))) return []
    return [kind === 'from' && (hasDefault === true || root === 'status' || root === 'error')]
  })
  return found.length > 0 && found.every(Boolean)
}

/** The outcome of a step, as references read it. */
export interface StepValue {
  readonly status: string
  /** Result of a step with one task. */
  readonly result?: unknown
  /** Results of a step with several tasks, in order; null for one that did not complete. */
  readonly results?: readonly unknown[]
  readonly error?: unknown
}

/** A reference points to a value that does not exist: the step cannot start. */
export class MissingReferenceError extends Error {}

/**
 * @param valuesOf the outcome of a step, by name.
 * @throws MissingReferenceError when a completed step has no such value.
 */
export function readReference(
  reference: Reference,
  valuesOf: (step: string) => StepValue | undefined,
  fallback: { readonly default?: unknown } = {},
): unknown {
  const step = valuesOf(reference.step)
  const missing = (reason: string): unknown => {
    if (Object.hasOwn(fallback, 'default')) return fallback.default
    throw new MissingReferenceError(`"${reference.text}" leads nowhere: ${reason}.`)
  }
  if (!step) return missing(`there is no step "${reference.step}"`)
  // A skipped step, or one that failed in a workflow that continues, has no result; a step of many tasks has those that completed.
  if (
    step.status !== 'COMPLETED' &&
    step.results === undefined &&
    reference.root !== 'status' &&
    reference.root !== 'error'
  )
    return Object.hasOwn(fallback, 'default') ? fallback.default : null
  let value: unknown = step[reference.root]
  if (value === undefined && reference.root === 'result' && step.results) value = step.results
  if (value === undefined && reference.root === 'results' && Object.hasOwn(step, 'result'))
    value = [step.result]
  if (reference.root === 'error' && value === undefined) value = null
  for (const part of reference.path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part))
      return missing(`the value has no "${part}"`)
    value = (value as Record<string, unknown>)[part]
  }
  return value === undefined ? missing('the step has no such value') : value
}

/** Replaces references by their values. `$each` is replaced by `item`. */
export function resolveReferences(
  value: unknown,
  read: (reference: Reference, fallback: { readonly default?: unknown }) => unknown,
  item?: { readonly value: unknown },
): unknown {
  if (Array.isArray(value)) return value.map((one) => resolveReferences(one, read, item))
  if (!isObject(value)) return value
  if (isMarked(value, '$literal')) return value.$literal
  if (isMarked(value, '$from', 'default')) {
    const reference = parseReference(value.$from)
    if (typeof reference === 'string') throw new MissingReferenceError(reference)
    return read(reference, Object.hasOwn(value, 'default') ? { default: value.default } : {})
  }
  if (isMarked(value, '$each') && item) return item.value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, resolveReferences(one, read, item)]),
  )
}

export function referenceError(found: PlacedReference): FieldError | undefined {
  const reference = parseReference(found.text)
  return typeof reference === 'string' ? { path: found.path, message: reference } : undefined
}
