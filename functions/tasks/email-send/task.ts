import * as z from 'zod'
import { defineTask, uploadShape } from '../../core/kit/index.ts'
import { missingPlaceholders } from './template.ts'

const addresses = z.array(z.email().max(320)).max(50)

const input = z
  .strictObject({
    to: addresses.min(1),
    cc: addresses.default([]),
    bcc: addresses.default([]),
    reply_to: addresses.default([]),
    subject: z
      .string()
      .min(1)
      .max(500)
      .regex(/^[^\r\n]*$/, 'is one line'),
    text: z.string().min(1).max(1_000_000).optional(),
    html: z.string().min(1).max(1_000_000).optional(),
    values: z
      .record(
        z.string().regex(/^[\w.-]{1,100}$/),
        z.union([z.string().max(100_000), z.number(), z.boolean()]),
      )
      .optional()
      .describe('Fill {{name}} in subject, text and html; escaped in html.'),
    attachments: z
      .array(z.strictObject({ ...uploadShape.shape, name: z.string().min(1).max(200).optional() }))
      .max(20)
      .default([])
      .describe('Uploads, 25 MB together.'),
    dry_run: z.boolean().default(false).describe('Fill and check everything, and send nothing.'),
  })
  .superRefine((mail, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if (mail.text === undefined && mail.html === undefined)
      refuse('text', 'or html is missing; send one or both.')
    if (mail.to.length + mail.cc.length + mail.bcc.length > 50)
      refuse('to', 'has over 50 receivers with cc and bcc')
    for (const field of ['subject', 'text', 'html'] as const) {
      const missing = mail.values ? missingPlaceholders(mail[field] ?? '', mail.values) : []
      if (missing.length > 0)
        refuse(
          field,
          `has no value for ${missing
            .slice(0, 5)
            .map((name) => `{{${name}}}`)
            .join(', ')}`,
        )
    }
  })

const output = z.object({
  message_id: z.string().nullable().describe('Of the mail service; null for a dry run.'),
  subject: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable(),
  attachments: z.array(z.object({ name: z.string(), media_type: z.string(), bytes: z.int() })),
})

export default defineTask({
  name: 'email.send',
  summary: 'Sends a mail, at most once.',
  version: 1,
  lane: 'email',
  needs: ['mail', 'files'],
  limits: { timeoutMs: 120_000 },
  input,
  output,
  // Imported at the run, because every submit loads this file.
  run: async (context) => (await import('./send.ts')).send(context),
})

export type Input = z.output<typeof input>
export type Output = z.output<typeof output>
