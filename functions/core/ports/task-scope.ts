/**
 * Runs an attempt so that its console output carries the task's fields, also from within libraries and while other attempts
 * run concurrently.
 */
export type TaskScope = <Result>(
  fields: Readonly<Record<string, unknown>>,
  run: () => Promise<Result>,
) => Promise<Result>
