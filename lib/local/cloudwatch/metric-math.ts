import type jsep from 'jsep'
import { parseExpression } from './expression.ts'
import type { Series } from './metric-store.ts'

type Value = number | Series | readonly Series[]
type SingleValue = number | undefined

/** Evaluates an expression of CloudWatch's metric math, once per period. Supports the grammar that this product uses. */
export class MetricMath {
  readonly #tree: jsep.Expression

  /** @throws Error for an invalid expression. */
  constructor(expression: string) {
    this.#tree = parseExpression(expression)
  }

  /** Ids of the metrics and expressions in it. */
  get ids(): readonly string[] {
    return [...new Set(idsOf(this.#tree))]
  }

  /**
   * @param read returns a metric by its id.
   * @param length number of periods.
   * @throws Error for an unsupported function or operator.
   */
  evaluate(read: (id: string) => Series, length: number): Series {
    const value = evaluate(this.#tree, read, length)
    if (typeof value === 'number') return Array.from({ length }, () => value)
    if (isList(value)) throw new Error('The expression gives several series where one is wanted.')
    return value
  }
}

const isList = (value: Value): value is readonly Series[] =>
  typeof value !== 'number' && Array.isArray(value[0])

function idsOf(node: unknown): string[] {
  if (node === null || typeof node !== 'object') return []
  const { type, name, callee, ...rest } = node as { type?: string; name?: string; callee?: unknown }
  return type === 'Identifier' && name ? [name] : Object.values(rest).flatMap(idsOf)
}

const SIGNS: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '>': (left, right) => Number(left > right),
  '>=': (left, right) => Number(left >= right),
  '<': (left, right) => Number(left < right),
  '<=': (left, right) => Number(left <= right),
  '==': (left, right) => Number(left === right),
  '!=': (left, right) => Number(left !== right),
  '&&': (left, right) => Number(left !== 0 && right !== 0),
  '||': (left, right) => Number(left !== 0 || right !== 0),
}

/** Functions over all series, period by period. Missing values are ignored. */
const AGGREGATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: (values) => values.reduce((sum, value) => sum + value, 0),
  AVG: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
}

function evaluate(node: jsep.Expression, read: (id: string) => Series, length: number): Value {
  const each = (act: (...values: SingleValue[]) => SingleValue, ...values: Value[]): Series => {
    const series = values.map((value) =>
      typeof value === 'number'
        ? Array.from({ length }, () => value)
        : isList(value)
          ? (value[0] ?? [])
          : value,
    )
    return Array.from({ length }, (_, index) => act(...series.map((one) => one[index])))
  }
  const visit = (child: unknown) => evaluate(child as jsep.Expression, read, length)
  switch (node.type) {
    case 'Literal':
      return Number(node.value)
    case 'Identifier':
      return read(String(node.name))
    case 'ArrayExpression':
      return (node.elements as unknown[]).map((child) => each((value) => value, visit(child)))
    case 'BinaryExpression': {
      const act = SIGNS[String(node.operator)]
      if (!act) break
      const apply = (left: SingleValue, right: SingleValue): SingleValue => {
        const result = left === undefined || right === undefined ? undefined : act(left, right)
        return result !== undefined && Number.isFinite(result) ? result : undefined
      }
      return each(apply, visit(node.left), visit(node.right))
    }
    case 'CallExpression': {
      const name = String((node.callee as { name?: unknown }).name)
      const all = (node.arguments as unknown[]).map(visit)
      const [first = 0, second = 0, third = 0] = all
      if (name === 'FILL') return each((value, other) => value ?? other, first, second)
      if (name === 'IF')
        return each(
          (is, yes, no) => (is === undefined ? undefined : is !== 0 ? yes : no),
          first,
          second,
          third,
        )
      const act = AGGREGATIONS[name]
      if (!act) break
      const series = isList(first) ? first : [each((value) => value, first)]
      return Array.from({ length }, (_, index) => {
        const values = series.map((one) => one[index]).filter((value) => value !== undefined)
        return values.length === 0 ? undefined : act(values)
      })
    }
  }
  const what =
    node.type === 'CallExpression' ? (node.callee as { name?: unknown }).name : (node.operator ?? node.type)
  throw new Error(
    `${what} in an expression is not known to the local console (lib/local/cloudwatch/metric-math.ts).`,
  )
}
