import { TaskError } from '../../core/kit/index.ts'

/** A larger document would cost its caller hundreds of model calls, probably by mistake. */
export const MAX_PAGES = 2_000
export const MAX_CHARACTERS = 5_000_000

export const tooLong = (what: string) =>
  new TaskError(
    `The document has ${what}; at most ${MAX_PAGES} pages and ${MAX_CHARACTERS} characters are read.`,
    {
      code: 'document_too_long',
    },
  )
