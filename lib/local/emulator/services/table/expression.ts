/** Types of DynamoDB's expressions, and the reader of their tokens. */
import { invalidRequest } from './errors.ts'
import { RESERVED_WORDS } from './reserved-words.ts'

/** Names as written (`#name` or bare) and list indexes. */
export type Path = readonly (string | number)[]
export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly name: string }
  | { readonly kind: 'size'; readonly of: Operand }
export type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>='
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly by: Comparator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly of: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly of: Operand; readonly among: readonly Operand[] }
  | { readonly kind: 'call'; readonly name: string; readonly of: Operand; readonly by?: Operand }
export type Term =
  | Operand
  | { readonly kind: 'if_not_exists'; readonly path: Path; readonly otherwise: Term }
  | { readonly kind: 'list_append' | '+' | '-'; readonly left: Term; readonly right: Term }
export interface Update {
  readonly set: readonly { readonly path: Path; readonly to: Term }[]
  readonly remove: readonly Path[]
  readonly add: readonly { readonly path: Path; readonly value: string }[]
  readonly delete: readonly { readonly path: Path; readonly value: string }[]
}
/** A parsed expression, with the placeholders it uses. */
export interface Parsed<Tree> {
  readonly tree: Tree
  readonly names: ReadonlySet<string>
  /** Attribute names without placeholder. */
  readonly bare: ReadonlySet<string>
  readonly values: ReadonlySet<string>
}

const MAX_BYTES = 4_096
const TOKEN = /\s*([#:]\w+|[A-Za-z_]\w*|\d+|<>|<=|>=|[=<>()[\].,+-])/y
const COMPARATORS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])

/** Reads tokens from left to right and collects the placeholders. */
export class Reader {
  readonly names = new Set<string>()
  readonly bare = new Set<string>()
  readonly values = new Set<string>()
  readonly #kind: string
  readonly #tokens: string[] = []
  #at = 0

  constructor(kind: string, text: string) {
    this.#kind = kind
    if (text.trim() === '') throw invalidRequest(`Invalid ${kind}: The expression can not be empty;`)
    if (Buffer.byteLength(text) > MAX_BYTES)
      throw invalidRequest(`Invalid ${kind}: Expression size has exceeded the maximum allowed size;`)
    TOKEN.lastIndex = 0
    const end = text.trimEnd().length
    while (TOKEN.lastIndex < end) {
      const from = TOKEN.lastIndex
      const token = TOKEN.exec(text)?.[1]
      if (token === undefined) throw this.error(text.slice(from, from + 20).trim())
      this.#tokens.push(token)
    }
  }

  error(near = this.peek ?? '<EOF>'): Error {
    return invalidRequest(`Invalid ${this.#kind}: Syntax error; token: "${near}"`)
  }

  get peek(): string | undefined {
    return this.#tokens[this.#at]
  }

  /** @returns whether the next token is this word, in any case; it is then consumed. */
  takes(word: string): boolean {
    if (this.peek?.toUpperCase() !== word) return false
    this.#at += 1
    return true
  }

  expect(word: string): void {
    if (!this.takes(word)) throw this.error()
  }

  next(): string {
    const token = this.peek
    if (token === undefined) throw this.error()
    this.#at += 1
    return token
  }

  isCall(name: string): boolean {
    return this.peek === name && this.#tokens[this.#at + 1] === '('
  }

  get isAtCall(): boolean {
    return /^[a-z_]+$/i.test(this.peek ?? '') && this.#tokens[this.#at + 1] === '('
  }

  end(): void {
    if (this.peek !== undefined) throw this.error()
  }

  path(): Path {
    const path: (string | number)[] = [this.#name()]
    for (;;) {
      if (this.takes('.')) path.push(this.#name())
      else if (this.takes('[')) {
        const index = this.next()
        if (!/^\d+$/.test(index)) throw this.error(index)
        path.push(Number(index))
        this.expect(']')
      } else return path
    }
  }

  valueName(): string {
    const token = this.next()
    if (!token.startsWith(':')) throw this.error(token)
    this.values.add(token)
    return token
  }

  #name(): string {
    const token = this.next()
    if (token.startsWith('#')) {
      this.names.add(token)
      return token
    }
    if (!/^[A-Za-z_]/.test(token)) throw this.error(token)
    if (RESERVED_WORDS.has(token.toUpperCase()))
      throw invalidRequest(
        `Invalid ${this.#kind}: Attribute name is a reserved keyword; reserved keyword: ${token}`,
      )
    this.bare.add(token)
    return token
  }

  operand(): Operand {
    if (this.peek?.startsWith(':')) return { kind: 'value', name: this.valueName() }
    if (this.isCall('size')) {
      this.next()
      this.next()
      const of = this.operand()
      this.expect(')')
      return { kind: 'size', of }
    }
    if (this.isAtCall) throw this.error()
    return { kind: 'path', path: this.path() }
  }

  comparator(): Comparator | undefined {
    if (!COMPARATORS.has(this.peek ?? '')) return undefined
    return this.next() as Comparator
  }

  list<Member>(read: () => Member): Member[] {
    const members = [read()]
    while (this.takes(',')) members.push(read())
    return members
  }
}
