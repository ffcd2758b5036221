import * as z from 'zod'
import { defineTask, uploadShape } from '../../core/kit/index.ts'

/** A longer table would not be useful to readers. */
export const MAX_CLAIMS = 40

const statement = z.strictObject({
  text: z.string().min(1).max(50_000),
  source: z.string().min(1).max(300).optional().describe('Who says it, or where.'),
})

const exhibit = z
  .strictObject({
    name: z.string().min(1).max(300),
    text: z.string().min(1).max(5_000_000).optional(),
    file: uploadShape.optional().describe('Text, Markdown, HTML, PDF or DOCX.'),
  })
  .superRefine(({ text, file }, context) => {
    if ((text === undefined) === (file === undefined))
      context.addIssue({ code: 'custom', path: ['text'], message: 'or file: send one of them.' })
    if (text?.trim() === '') context.addIssue({ code: 'custom', path: ['text'], message: 'is blank' })
  })

const input = z
  .strictObject({
    statements: z.array(statement).min(1).max(20),
    exhibits: z.array(exhibit).min(1).max(20),
    question: z.string().min(1).max(2_000).optional().describe('What it is about.'),
  })
  .superRefine(({ exhibits }, context) => {
    const names = exhibits.map(({ name }) => name)
    for (const [index, name] of names.entries())
      if (names.indexOf(name) < index)
        context.addIssue({
          code: 'custom',
          path: ['exhibits', index, 'name'],
          message: 'is another exhibit’s name, too',
        })
  })

const passage = z.object({
  exhibit: z.string(),
  quote: z.string().describe('As it stands in the exhibit, character by character.'),
  start: z.int().describe('Offset in the exhibit’s text, in UTF-16 code units.'),
  end: z.int(),
})

const output = z.object({
  claims: z.array(
    z.object({
      claim: z.string(),
      statement: z.int().describe('Position among the statements, from 0.'),
      supporting: z.array(passage),
      contradicting: z.array(passage),
      confidence: z.number().nullable().describe('0 refuted, 0.5 open, 1 proven; null without any passage.'),
      gaps: z.array(z.string()),
    }),
  ),
  exhibits: z.array(z.object({ name: z.string(), format: z.string(), characters: z.int() })),
  dropped: z
    .array(z.object({ exhibit: z.string(), claim: z.string().nullable(), quote: z.string() }))
    .describe('Quotes that the model gave, twice, and that do not stand in the exhibit.'),
  claims_left_out: z.int().describe(`Claims above ${MAX_CLAIMS}.`),
})

export default defineTask({
  name: 'evidence.analyze',
  summary:
    'Holds the claims of statements against exhibits: exact quotes for and against, with what is missing.',
  version: 1,
  lane: 'documents',
  needs: ['model', 'files'],
  accepts: ['text/plain', 'application/pdf', 'application/zip', 'application/x-ole-storage'],
  limits: { timeoutMs: 280_000, maxCostUsd: 1 },
  input,
  output,
  // Imported at the run, because every submit loads this file.
  run: async (context) => (await import('./analyze.ts')).analyze(context),
})

export type Input = z.output<typeof input>
export type Output = z.output<typeof output>
