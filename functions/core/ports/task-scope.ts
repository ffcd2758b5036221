/**
 * Runs an attempt so that what its code writes to the console carries the task's fields, however deep in whatever
 * library, while other attempts run beside it.
 */
export type TaskScope = <Result>(
  fields: Readonly<Record<string, unknown>>,
  run: () => Promise<Result>,
) => Promise<Result>
