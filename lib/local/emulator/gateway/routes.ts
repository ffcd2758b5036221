import type { ApiPlan } from '../template/plan.ts'

type Method = ApiPlan['methods'][number]

export interface RouteMatch {
  /** Template of the path, e.g. `/api/v1/tasks/{id}`. */
  readonly resource: string
  readonly parameters: Readonly<Record<string, string>>
  readonly method: Method
}

interface Node {
  readonly children: Map<string, Node>
  readonly methods: Map<string, Method>
  resource: string
}

const newNode = (): Node => ({ children: new Map(), methods: new Map(), resource: '/' })
const GREEDY = /^\{(.+)\+\}$/
const PARAMETER = /^\{(.+)\}$/

/** Chooses a method of a REST API like API Gateway: a literal part before a parameter, a parameter before `{proxy+}`. */
export class Routes {
  readonly #root = newNode()

  constructor({ methods }: ApiPlan) {
    for (const one of methods) {
      const { path, method } = one
      let node = this.#root
      for (const part of partsOf(path)) {
        const next = node.children.get(part) ?? newNode()
        node.children.set(part, next)
        node = next
      }
      node.resource = path
      node.methods.set(method, one)
    }
  }

  /** @param path percent-encoded as sent. @returns undefined where the API has no such path or method. */
  find(method: string, path: string): RouteMatch | undefined {
    return walk(this.#root, partsOf(path), method, {})
  }
}

function walk(
  node: Node,
  parts: readonly string[],
  method: string,
  parameters: Record<string, string>,
): RouteMatch | undefined {
  const [part, ...rest] = parts
  if (part === undefined) {
    const found = node.methods.get(method) ?? node.methods.get('ANY')
    return found ? { resource: node.resource, parameters, method: found } : undefined
  }
  const literal = node.children.get(part)
  const own = literal && walk(literal, rest, method, parameters)
  if (own) return own
  for (const [name, child] of node.children) {
    const parameter = GREEDY.test(name) ? undefined : PARAMETER.exec(name)?.[1]
    const found = parameter && walk(child, rest, method, { ...parameters, [parameter]: decode(part) })
    if (found) return found
  }
  for (const [name, child] of node.children) {
    const greedy = GREEDY.exec(name)?.[1]
    if (greedy) return walk(child, [], method, { ...parameters, [greedy]: parts.map(decode).join('/') })
  }
  return undefined
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '')

/** An invalid percent escape is left unchanged. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
