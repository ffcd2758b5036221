import * as z from 'zod'
import { defineTask, readSent, TaskError, uploadShape } from '../../core/kit/index.ts'
import { checkExtraction } from './extraction.ts'
import type { readDocument } from './heavy.ts'
import { contradiction, FORMATS, formatOfName } from './sniff.ts'
import { splitText } from './split.ts'

/** About 3,000 tokens: short enough for exact answers, and a failed part costs little to repeat. */
const PART_CHARACTERS = 12_000
const MAX_PARTS = 500

const file = z
  .strictObject({
    name: z.string().min(1).max(300).optional().describe('Only its ending is used.'),
    base64: z.base64().min(1, 'is empty').max(6_000_000),
  })
  .superRefine(({ name, base64 }, context) => {
    const wrong = contradiction(Buffer.from(base64.slice(0, 2_000), 'base64'), formatOfName(name))
    if (wrong) context.addIssue({ code: 'custom', path: ['base64'], message: wrong })
  })

const input = z
  .strictObject({
    text: z.string().min(1).max(5_000_000).optional().describe('The document itself, if it is text.'),
    file: z
      .union([file, uploadShape])
      .optional()
      .describe('Text, Markdown, HTML, PDF or DOCX, up to 6 MB here or uploaded; detected from its bytes.'),
    format: z.enum(FORMATS).optional().describe('For text that is Markdown or HTML.'),
    summary_words: z.int().min(20).max(2_000).default(200),
    language: z
      .string()
      .min(2)
      .max(40)
      .optional()
      .describe('Language of the answer; by default that of the document.'),
    extract: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('JSON Schema of an object that is filled from the document.'),
    include_text: z.boolean().default(false).describe('Also return the text that the offsets refer to.'),
  })
  .superRefine(({ text, file, extract }, context) => {
    if ((text === undefined) === (file === undefined))
      context.addIssue({ code: 'custom', path: ['text'], message: 'or file: send one of them.' })
    if (text?.trim() === '') context.addIssue({ code: 'custom', path: ['text'], message: 'is blank' })
    // Asynchronous only with a schema, so that all other checks run at once.
    return (
      extract &&
      checkExtraction(extract).then((problem) => {
        if (problem) context.addIssue({ code: 'custom', path: ['extract'], message: problem })
      })
    )
  })

const output = z.object({
  format: z.enum(FORMATS),
  encoding: z.string().nullable(),
  pages: z.int().nullable(),
  characters: z.int(),
  summary: z.string(),
  key_points: z.array(z.string()),
  entities: z.array(z.object({ name: z.string(), type: z.string(), parts: z.array(z.int()) })),
  extracted: z.record(z.string(), z.unknown()).nullable(),
  parts: z.array(
    z.object({
      heading: z.string(),
      start: z.int().describe('Offset in the text, in UTF-16 code units.'),
      end: z.int(),
      summary: z.string(),
    }),
  ),
  text: z.string().nullable(),
})

export default defineTask({
  name: 'document.process',
  summary:
    'Reads a document and returns a summary, key points, entities and the data that a schema asks for.',
  version: 1,
  lane: 'documents',
  needs: ['model', 'files'],
  limits: { timeoutMs: 280_000, maxCostUsd: 2 },
  input,
  output,
  accepts: ['text/plain', 'application/pdf', 'application/zip', 'application/x-ole-storage'],
  run: async ({ input, model, files, step, map, heavy, progress }) => {
    progress(1, 'reading')
    const { file } = input
    const open = async () => {
      if (!file) return { bytes: Buffer.from(input.text ?? ''), hint: input.format }
      const { bytes, name } = await readSent(files, file)
      return { bytes, hint: formatOfName(name ?? undefined) ?? input.format }
    }
    const read = await step('read', () => heavy<typeof readDocument>('document-process/readDocument', open), {
      inputs: [file && 'upload' in file ? file.upload : formatOfName(file?.name), input.format],
    })
    const parts = splitText(read.text, read.headings, PART_CHARACTERS)
    if (parts.length > MAX_PARTS)
      throw new TaskError(`The document has ${parts.length} parts; at most ${MAX_PARTS} are processed.`, {
        code: 'document_too_long',
      })
    // Imported at the run, because every submit loads this file.
    const { combine, mergeEntities, summarize } = await import('./map-reduce.ts')
    const options = { words: input.summary_words, language: input.language, extract: input.extract }
    const notes = await map(
      parts.map(({ heading, start, end }) => ({ heading, text: read.text.slice(start, end) })),
      (part) => summarize(model, part, options),
      { name: 'part', progress: [5, 80] },
    )
    const whole = await combine({ model, step, progress }, notes, options)
    return {
      format: read.format,
      encoding: read.encoding,
      pages: read.pages,
      characters: read.text.length,
      ...whole,
      entities: mergeEntities(notes),
      parts: parts.map(({ heading, start, end }, index) => ({
        heading,
        start,
        end,
        summary: notes[index]?.summary ?? '',
      })),
      text: input.include_text ? read.text : null,
    }
  },
})
