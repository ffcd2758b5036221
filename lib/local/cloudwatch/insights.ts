import type jsep from 'jsep'
import { parseExpression } from './expression.ts'
import type { LogEntry } from './log-store.ts'

export interface Answer {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

type Row = (field: string) => unknown
type Step = (rows: readonly Row[]) => readonly Row[]

/**
 * Runs a query of CloudWatch Logs Insights over lines in memory. Supports the commands and functions that this
 * product's queries use.
 *
 * @throws Error that names what is not supported.
 */
export function runQuery(query: string, entries: Iterable<LogEntry>): Answer {
  let columns: readonly string[] = ['@timestamp', '@message']
  const steps: Step[] = []
  for (const command of splitOutside(query, '|')) {
    const [word = '', rest = ''] = command.trim().split(/\s+(.*)/s)
    switch (word) {
      case 'fields':
        columns = splitOutside(rest, ',').map((field) => field.trim())
        break
      case 'filter': {
        const is = condition(rest)
        steps.push((rows) => rows.filter(is))
        break
      }
      case 'stats': {
        const { names, step } = statistics(rest)
        columns = names
        steps.push(step)
        break
      }
      case 'sort': {
        const [field = '', order] = rest.trim().split(/\s+/)
        const sign = order === 'desc' ? -1 : 1
        steps.push((rows) => rows.toSorted((left, right) => sign * compare(left(field), right(field))))
        break
      }
      case 'limit': {
        const count = Number(rest)
        steps.push((rows) => rows.slice(0, count))
        break
      }
      default:
        throw new Error(
          `The command ${word} is not known to the local console (lib/local/cloudwatch/insights.ts).`,
        )
    }
  }
  let rows: readonly Row[] = [...entries].map(toRow)
  for (const step of steps) rows = step(rows)
  return { columns, rows: rows.map((row) => columns.map((column) => show(row(column)))) }
}

/** The functions whose lines a dashboard's query reads, and the query without them. */
export function splitSources(query: string): { readonly groups: readonly string[]; readonly query: string } {
  const groups = [...query.matchAll(/SOURCE '([^']+)' \|/g)].map(([, name]) => name ?? '')
  return { groups, query: query.replaceAll(/SOURCE '[^']+' \|/g, '') }
}

function toRow(entry: LogEntry): Row {
  return (field) => {
    if (field === '@timestamp') return new Date(entry.at).toISOString()
    if (field === '@message') return entry.text
    if (field === '@log') return entry.from
    return field
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], entry.json)
  }
}

/** @param text such as `message.event = "x" or record.status in ["a", "b"]`. */
function condition(text: string): (row: Row) => boolean {
  const tree = parseExpression(
    text
      .replaceAll('@', '$')
      .replaceAll(/\bin\s*\[/g, '== [')
      .replaceAll(/(?<![!<>=])=(?!=)/g, '=='),
  )
  return (row) => Boolean(evaluate(tree, row))
}

function evaluate(node: jsep.Expression, row: Row): unknown {
  const visit = (child: unknown) => evaluate(child as jsep.Expression, row)
  switch (node.type) {
    case 'Literal':
      return node.value
    case 'Identifier':
    case 'MemberExpression':
      return row(fieldOf(node))
    case 'ArrayExpression':
      return (node.elements as unknown[]).map(visit)
    case 'CallExpression': {
      const [field] = node.arguments as jsep.Expression[]
      if ((node.callee as jsep.Expression).name === 'ispresent' && field)
        return row(fieldOf(field)) !== undefined
      break
    }
    case 'BinaryExpression': {
      const left = visit(node.left)
      if (node.operator === '&&') return left && visit(node.right)
      if (node.operator === '||') return left || visit(node.right)
      const right = visit(node.right)
      if (node.operator === '==') return Array.isArray(right) ? right.includes(left) : left === right
      if (node.operator === '!=') return left !== right
      if (node.operator === '>') return compare(left, right) > 0
      if (node.operator === '<') return compare(left, right) < 0
    }
  }
  throw new Error(
    `${node.operator ?? node.type} is not known to the local console (lib/local/cloudwatch/insights.ts).`,
  )
}

function fieldOf(node: jsep.Expression): string {
  if (node.type === 'Identifier') return String(node.name).replace(/^\$/, '@')
  return `${fieldOf(node.object as jsep.Expression)}.${fieldOf(node.property as jsep.Expression)}`
}

const FUNCTIONS: Readonly<Record<string, (values: readonly unknown[]) => unknown>> = {
  count: (values) => values.length,
  latest: (values) => values.findLast((value) => value !== undefined),
  earliest: (values) => values.find((value) => value !== undefined),
  sum: (values) => numbers(values).reduce((sum, value) => sum + value, 0),
  avg: (values) => numbers(values).reduce((sum, value) => sum + value, 0) / numbers(values).length,
  min: (values) => Math.min(...numbers(values)),
  max: (values) => Math.max(...numbers(values)),
}
const numbers = (values: readonly unknown[]) => values.filter((value) => typeof value === 'number')

/** @param text such as `count(*) as n, latest(a.b) as last by c, d`. */
function statistics(text: string): { names: readonly string[]; step: Step } {
  const [what = '', by = ''] = text.split(/\sby\s/)
  const groups = splitOutside(by, ',').map((field) => field.trim())
  const made = splitOutside(what, ',').map((part) => {
    const [, call = '', field = '', name] = /^\s*(\w+)\(([^)]*)\)(?:\s+as\s+(\w+))?\s*$/.exec(part) ?? []
    const work = FUNCTIONS[call]
    if (!work)
      throw new Error(`${part.trim()} is not known to the local console (lib/local/cloudwatch/insights.ts).`)
    return { name: name ?? part.trim(), field, work }
  })
  const step: Step = (rows) => {
    const gathered = Map.groupBy(rows, (row) => JSON.stringify(groups.map((field) => row(field) ?? null)))
    return [...gathered.values()].map((members) => (field) => {
      const own = made.find(({ name }) => name === field)
      if (!own) return members[0]?.(field)
      return own.work(members.map((row) => (own.field === '*' ? 1 : row(own.field))))
    })
  }
  return { names: [...groups, ...made.map(({ name }) => name)], step }
}

function compare(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  return String(left ?? '').localeCompare(String(right ?? ''))
}

const show = (value: unknown): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

/** Splits at a sign outside quotes, parentheses and brackets. */
function splitOutside(text: string, sign: string): string[] {
  const parts = ['']
  let depth = 0
  let quote = ''
  for (const letter of text) {
    if (quote) quote = letter === quote ? '' : quote
    else if (letter === '"' || letter === "'") quote = letter
    else if ('([{'.includes(letter)) depth += 1
    else if (')]}'.includes(letter)) depth -= 1
    if (letter === sign && depth === 0 && !quote) parts.push('')
    else parts[parts.length - 1] += letter
  }
  return parts.filter((part) => part.trim() !== '')
}
