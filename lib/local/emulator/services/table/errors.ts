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

export const invalidRequest = (message: string): TableError => new TableError('ValidationException', message)

/** A feature of DynamoDB that this table does not support; it is refused, never interpreted differently. */
export const unsupportedFeature = (what: string): TableError =>
  invalidRequest(`${what} is not known to the local table (lib/local/emulator/services/table)`)
