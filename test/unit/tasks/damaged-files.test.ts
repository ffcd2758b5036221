/** Readers of files from callers describe every damage in our words: those of a library name its functions. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TaskError } from '../../../functions/core/kit/index.ts'
import { analyzeTable } from '../../../functions/tasks/data-analyze/heavy.ts'
import { readDocument } from '../../../functions/tasks/document-process/heavy.ts'
import { makeDocx, makePdf } from '../../fixtures/documents/make-documents.ts'
import { makeXlsx } from '../../fixtures/documents/make-xlsx.ts'

const table = (bytes: Uint8Array) => analyzeTable({ bytes, groupBy: undefined, hasCharts: false })
const text = (bytes: Uint8Array) => readDocument({ bytes, hint: undefined })
const line = { text: 'Some words of a document.', size: 11, y: 700 }

it.each<[string, Buffer, (bytes: Uint8Array) => Promise<unknown>]>([
  ['PDF', makePdf([[line], [line]]), text],
  ['DOCX', makeDocx([{ text: 'Some words.' }, { text: 'Some more.' }]), text],
  [
    'XLSX',
    makeXlsx([
      ['a', 'b'],
      ['1', '2'],
    ]),
    table,
  ],
])('a damaged %s is read, or refused in our words', async (_, whole, read) => {
  const at = fc.nat({ max: whole.length - 1 })
  const change = fc.record({ at, byte: fc.nat({ max: 255 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 8 }), fc.option(at), async (changes, end) => {
      const bytes = Buffer.from(whole)
      for (const { at, byte } of changes) bytes[at] = byte
      const cut = new Uint8Array(bytes.subarray(0, end ?? whole.length))
      const error = await read(cut).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      // A RangeError is described by the thread that runs the reader.
      if (error !== undefined && !(error instanceof RangeError)) expect(error).toBeInstanceOf(TaskError)
    }),
    { numRuns: 150, seed: 1 },
  )
})
