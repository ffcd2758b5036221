/** The file of the local table: its tables and their rows. */
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { invalidRequest, TableError } from './errors.ts'
import { Rows } from './rows.ts'
import { type Definition, toShape } from './shape.ts'

export interface Table {
  readonly definition: Definition
  readonly rows: Rows
  readonly createdAt: number
}

/** The write-ahead log is merged into the file at about 4 MB, and shortened to that after a burst. */
const LOG_BYTES = 4 * 1024 * 1024

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path)
  } catch (cause) {
    throw new Error(`${path} cannot be read (${(cause as Error).message})`, { cause })
  }
}

export class Database {
  readonly #db: DatabaseSync
  readonly #tables = new Map<string, Table>()

  /** @param path of the file; `:memory:` for none. @throws Error that names a damaged file. */
  constructor(path: string) {
    // SQLite would treat an empty file as a new database, and all tasks would be lost without an error.
    const isEmptied = path !== ':memory:' && statSync(path, { throwIfNoEntry: false })?.size === 0
    if (isEmptied) throw new Error(`${path} cannot be read (it is empty)`)
    this.#db = open(path)
    try {
      // NORMAL in WAL mode: a crash of the process loses nothing; a power failure may lose the last moments.
      this.#db.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${LOG_BYTES};
         CREATE TABLE IF NOT EXISTS tables (id INTEGER PRIMARY KEY, name TEXT UNIQUE, definition TEXT, createdAt INTEGER)`,
      )
      for (const { id, definition, createdAt } of this.#db.prepare('SELECT * FROM tables').all())
        this.#remember(Number(id), JSON.parse(String(definition)) as Definition, Number(createdAt))
    } catch (cause) {
      this.#db.close()
      throw new Error(`${path} cannot be read (${(cause as Error).message})`, { cause })
    }
  }

  get names(): readonly string[] {
    return [...this.#tables.keys()].sort()
  }

  /** @throws TableError */
  table(name: unknown): Table {
    if (typeof name !== 'string') throw invalidRequest('TableName must be a string')
    const table = this.#tables.get(name)
    if (!table)
      throw new TableError('ResourceNotFoundException', 'Cannot do operations on a non-existent table')
    return table
  }

  /** @throws TableError */
  create(definition: Definition, now: number): Table {
    const { TableName: name } = definition
    if (this.#tables.has(name))
      throw new TableError('ResourceInUseException', `Table already exists: ${name}`)
    toShape(definition)
    return this.#whole(() => {
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO tables (name, definition, createdAt) VALUES (?, ?, ?)')
        .run(name, JSON.stringify(definition), now)
      const table = this.#remember(Number(lastInsertRowid), definition, now)
      table.rows.create()
      return table
    })
  }

  drop(name: string): Table {
    const table = this.table(name)
    this.#whole(() => {
      table.rows.drop()
      this.#db.prepare('DELETE FROM tables WHERE name = ?').run(name)
    })
    this.#tables.delete(name)
    return table
  }

  close(): void {
    this.#db.close()
  }

  #remember(id: number, definition: Definition, createdAt: number): Table {
    const table = { definition, createdAt, rows: new Rows(this.#db, id, toShape(definition)) }
    this.#tables.set(definition.TableName, table)
    return table
  }

  #whole<Answer>(work: () => Answer): Answer {
    this.#db.exec('BEGIN')
    try {
      const answer = work()
      this.#db.exec('COMMIT')
      return answer
    } catch (cause) {
      this.#db.exec('ROLLBACK')
      throw cause
    }
  }
}
