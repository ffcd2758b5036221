import * as z from 'zod'

/** What CloudWatch sends a custom widget's function: the widget's parameters, or those of the action that was clicked. */
const context = z.looseObject({
  forms: z.looseObject({ all: z.record(z.string(), z.string()).optional() }).optional(),
})

/** An empty field of a form is the same as none. */
const field = z
  .string()
  .trim()
  .max(200)
  .transform((text) => text || undefined)
  .optional()

export const viewEvent = z.looseObject({
  describe: z.boolean().optional(),
  view: z.enum(['overview', 'search', 'task']).catch('overview'),
  tenant: field,
  id: field,
  status: field,
  type: field,
  tag: field,
  widgetContext: context.optional(),
})
export type ViewEvent = z.output<typeof viewEvent>

export const actionEvent = z.discriminatedUnion('action', [
  z.looseObject({
    action: z.enum(['retry', 'cancel']),
    tenant: z.string().min(1).max(200),
    id: z.string().min(1).max(200),
  }),
  z.looseObject({
    action: z.literal('redrive'),
    tenant: z.string().min(1).max(200),
    lane: z.string(),
    dry_run: z.boolean(),
  }),
  z.looseObject({ action: z.enum(['pause', 'resume']), lane: z.string() }),
])
