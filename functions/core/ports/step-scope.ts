import type { Usage } from '../domain/task.ts'

/** Tells model calls which step they belong to, also when steps run side by side. */
export interface StepScope {
  /** Runs a step's work. @returns what it gave, and what the model calls within it used. */
  measure<Value>(
    work: () => Value | Promise<Value>,
    step: string,
  ): Promise<{ value: Value; usage: Usage | undefined }>
  /** The innermost step that runs here; undefined outside of all. */
  current(): string | undefined
  /** Books a model call's use on the innermost step that it is made in, if there is one. */
  book(add: (before: Usage | undefined) => Usage): void
  /** A short name for a text of any length, the same for the same text only. */
  fingerprint(content: string | Uint8Array): string
}
