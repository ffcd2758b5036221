import * as z from 'zod'

const text = z
  .string()
  .max(200)
  .refine((value) => value.isWellFormed())
const name = text.min(1)

/** An empty form field counts as absent. */
const field = text.transform((value) => value.trim() || undefined).optional()

/** The event that CloudWatch sends to a custom widget's function: the parameters of the widget, or of the clicked action. */
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
  lane: field,
  minutes: field,
  /** Where the previous page ended. */
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
