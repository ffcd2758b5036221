import * as z from 'zod'

/** A number in a query string. An empty or odd one stays a text, so that the task's own schema refuses it by name. */
export const numberOrText = z
  .string()
  .transform((text) => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)))
  .meta({ override: { type: 'number' } })
