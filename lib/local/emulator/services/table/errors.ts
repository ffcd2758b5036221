/** An error as DynamoDB answers it: HTTP 400 with the type's name. */
export class TableError extends Error {
  readonly type: string
  readonly extra: Readonly<Record<string, unknown>>

  constructor(type: string, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.type = type
    this.extra = extra
  }
}

export const invalid = (message: string): TableError => new TableError('ValidationException', message)

/** What DynamoDB may well know and this table does not: never taken for something else. */
export const unknown = (what: string): TableError =>
  invalid(`${what} is not known to the local table (lib/local/emulator/services/table)`)
