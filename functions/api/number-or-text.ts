import * as z from 'zod'

/** A number in a query string. An invalid one stays a text, so that the task type's schema refuses it with the field's name. */
export const numberOrText = z
  .string()
  .transform((text) => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)))
  .meta({ override: { type: 'number' } })
