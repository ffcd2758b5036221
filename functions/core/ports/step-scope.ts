import type { Usage } from '../domain/task.ts'

/** Tells model calls which step they belong to, also when steps run concurrently. */
export interface StepScope {
  /** Runs a step's work. @returns its result, and the usage of the model calls within it. */
  measure<Value>(
    work: () => Value | Promise<Value>,
    step: string,
  ): Promise<{ value: Value; usage: Usage | undefined }>
  /** The innermost step that runs here; undefined outside steps. */
  current(): string | undefined
  /** Adds a model call's usage to the innermost step, if there is one. */
  book(add: (before: Usage | undefined) => Usage): void
  /** A short hash of a text of any length. */
  fingerprint(content: string | Uint8Array): string
}
