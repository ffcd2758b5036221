/** The rows of one table in SQLite: the item as JSON, its keys as sortable text, two columns for each index. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { indexKeyOf, keyOf, type TableShape } from './shape.ts'
import type { Item } from './values.ts'

/** Keys at which to continue: of the index, if one is read, then of the table. */
export type RowPosition = readonly string[]

export interface Range {
  /** Which index; undefined for the table itself. */
  readonly index: number | undefined
  readonly hash: string
  /** Bounds of the sort key. */
  readonly bounds: readonly { readonly by: '=' | '<' | '<=' | '>' | '>='; readonly key: string }[]
  readonly isForward: boolean
  readonly after: RowPosition | undefined
}

const MAX_STATEMENTS = 200

export class Rows {
  readonly shape: TableShape
  readonly #db: DatabaseSync
  readonly #table: string
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, id: number, shape: TableShape) {
    this.#db = db
    this.#table = `items_${id}`
    this.shape = shape
  }

  create(): void {
    const columns = this.shape.indexes.map((_, index) => `, x${index}p TEXT, x${index}s TEXT`).join('')
    this.#db.exec(
      `CREATE TABLE ${this.#table} (id INTEGER PRIMARY KEY, pk TEXT NOT NULL, sk TEXT NOT NULL${columns}, item TEXT NOT NULL);
       CREATE UNIQUE INDEX ${this.#table}_key ON ${this.#table} (pk, sk);`,
    )
    for (const index of this.shape.indexes.keys())
      this.#db.exec(
        `CREATE INDEX ${this.#table}_x${index} ON ${this.#table} (x${index}p, x${index}s, pk, sk) WHERE x${index}p IS NOT NULL`,
      )
  }

  drop(): void {
    this.#statements.clear()
    this.#db.exec(`DROP TABLE ${this.#table}`)
  }

  get(key: readonly [string, string]): Item | undefined {
    const row = this.#prepare(`SELECT item FROM ${this.#table} WHERE pk = ? AND sk = ?`).get(...key)
    return row && (JSON.parse(row.item as string) as Item)
  }

  put(item: Item): void {
    const key = keyOf(this.shape, item)
    const places = this.shape.indexes.flatMap((index) => indexKeyOf(this.shape, index, item) ?? [null, null])
    const columns = this.shape.indexes.flatMap((_, index) => [`x${index}p`, `x${index}s`])
    const names = ['pk', 'sk', ...columns, 'item']
    this.#prepare(
      `INSERT INTO ${this.#table} (${names.join()}) VALUES (${names.map(() => '?').join()})
       ON CONFLICT (pk, sk) DO UPDATE SET ${[...columns, 'item'].map((name) => `${name} = excluded.${name}`).join()}`,
    ).run(...key, ...places, JSON.stringify(item))
  }

  delete(key: readonly [string, string]): void {
    this.#prepare(`DELETE FROM ${this.#table} WHERE pk = ? AND sk = ?`).run(...key)
  }

  count(): number {
    return Number(this.#prepare(`SELECT count(*) AS count FROM ${this.#table}`).get()?.count)
  }

  /** Items of one partition in order of the sort key, read lazily. */
  *range({ index, hash, bounds, isForward, after }: Range): Generator<Item> {
    const [p, s] = index === undefined ? ['pk', 'sk'] : [`x${index}p`, `x${index}s`]
    const order = index === undefined ? [s] : [s, 'pk', 'sk']
    const clauses = [`${p} = ?`, ...bounds.map(({ by }) => `${s} ${by} ?`)]
    const values: SQLInputValue[] = [hash, ...bounds.map(({ key }) => key)]
    if (after) {
      clauses.push(`(${order.join()}) ${isForward ? '>' : '<'} (${order.map(() => '?').join()})`)
      values.push(...after)
    }
    const by = order.map((name) => `${name} ${isForward ? 'ASC' : 'DESC'}`).join()
    yield* this.#read(`WHERE ${clauses.join(' AND ')} ORDER BY ${by}`, values)
  }

  /** All items, in order of their keys. @param index only items in this index. */
  *all(index: number | undefined, after: RowPosition | undefined): Generator<Item> {
    const order = index === undefined ? ['pk', 'sk'] : [`x${index}p`, `x${index}s`, 'pk', 'sk']
    const clauses = [
      ...(index === undefined ? [] : [`x${index}p IS NOT NULL`]),
      ...(after ? [`(${order.join()}) > (${order.map(() => '?').join()})`] : []),
    ]
    const where = clauses.length > 0 ? `WHERE ${clauses.join(' AND ')}` : ''
    yield* this.#read(`${where} ORDER BY ${order.join()}`, [...(after ?? [])])
  }

  *#read(rest: string, values: readonly SQLInputValue[]): Generator<Item> {
    for (const row of this.#prepare(`SELECT item FROM ${this.#table} ${rest}`).iterate(...values))
      yield JSON.parse(row.item as string) as Item
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
