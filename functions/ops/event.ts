import * as z from 'zod'

const text = z
  .string()
  .max(200)
  .refine((value) => value.isWellFormed())
const name = text.min(1)

/** An empty field of a form is the same as none. */
const field = text.transform((value) => value.trim() || undefined).optional()

/** What CloudWatch sends a custom widget's function: the widget's parameters, or those of the action that was clicked. */
const context = z.looseObject({
  forms: z.looseObject({ all: z.record(z.string(), text).optional() }).optional(),
})

export const viewEvent = z.looseObject({
  describe: z.boolean().optional(),
  view: z.enum(['overview', 'search', 'task']).catch('overview'),
  tenant: field,
  id: field,
  status: field,
  type: field,
  tag: field,
  /** Where the page before ended. */
  before: field,
  widgetContext: context.optional(),
})
export type ViewEvent = z.output<typeof viewEvent>

export const actionEvent = z.discriminatedUnion('action', [
  z.looseObject({
    action: z.enum(['retry', 'cancel']),
    tenant: name,
    id: name,
  }),
  z.looseObject({
    action: z.literal('redrive'),
    tenant: name,
    lane: name,
    dry_run: z.boolean(),
    error_code: name.optional(),
  }),
  z.looseObject({ action: z.enum(['pause', 'resume']), lane: name }),
])
