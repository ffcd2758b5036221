/**
 * Time and memory for the largest files. Each is read in a separate process, by the same thread as in a worker, with the
 * thread's limits. Alone: `node test/bench/files.ts`.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openHeavyThread } from '../../functions/core/adapters/system/heavy-thread.ts'
import { makePdf } from '../fixtures/documents/make-documents.ts'

interface Case {
  readonly name: string
  readonly file: 'book.pdf' | 'table.csv' | 'photograph.jpg'
  readonly work: string
  readonly order: Readonly<Record<string, unknown>>
}

const TRANSFORM = { quality: 80, keep_metadata: false, animation: 'keep' }
const CASES: readonly Case[] = [
  {
    ...{ name: 'PDF of 300 pages', file: 'book.pdf' },
    ...{ work: 'document-process/readDocument', order: { hint: 'pdf' } },
  },
  {
    ...{ name: 'CSV of 100 MB, with groups and charts', file: 'table.csv' },
    ...{ work: 'data-analyze/analyzeTable', order: { groupBy: 'city', hasCharts: true } },
  },
  {
    ...{ name: 'photograph of 24 megapixels, to a thumbnail', file: 'photograph.jpg' },
    ...{ work: 'image-transform/transformImage', order: { transform: { ...TRANSFORM, thumbnail: 256 } } },
  },
  {
    ...{ name: 'the same, whole to WebP', file: 'photograph.jpg' },
    ...{ work: 'image-transform/transformImage', order: { transform: { ...TRANSFORM, format: 'webp' } } },
  },
]

const MAKERS: Readonly<Record<Case['file'], (path: string) => Promise<void>>> = {
  'book.pdf': async (path) => {
    const pages = Array.from({ length: 300 }, (_, page) =>
      Array.from({ length: 45 }, (_, line) => ({
        text: `Line ${line} of page ${page}: as many words as a line of a book has, and ${page * line}.`,
        ...{ size: line === 0 ? 18 : 11, y: 780 - line * 16 },
      })),
    )
    await writeFile(path, makePdf(pages))
  },
  'table.csv': makeTable,
  'photograph.jpg': async (path) => {
    const vips = await (await import('wasm-vips')).default({ dynamicLibraries: [] })
    const noise = vips.Image.gaussnoise(6_000, 4_000, { mean: 128, sigma: 12 }).cast('uchar')
    await writeFile(path, noise.bandjoin([noise, noise]).jpegsaveBuffer({ Q: 85 }))
  },
}

async function makeTable(path: string): Promise<void> {
  const cities = ['Lyon', 'Ghent', '"Washington, D.C."', 'Ulm', 'Oslo', 'Paris', 'Berlin']
  const file = await open(path, 'w')
  let row = 0
  let text = 'id,city,day,amount,price,quantity,code,flag,note,share\n'
  for (let bytes = 0; bytes < 99_000_000; ) {
    for (; text.length < 1_000_000; row += 1)
      text += `${row},${cities[row % 7]},2024-0${1 + (row % 9)}-1${row % 10},${((row * 7919) % 100_003) / 100},${((row * 104_729) % 50_021) / 1_000},${row % 20},A${(row * 48_271) % 1_000_003},${row % 3 ? 'yes' : 'no'},${row % 5 ? 'ok' : 'a longer note'},${((row * 15_485_863) % 1_000_003) / 1_000_003}\n`
    await file.write(text)
    bytes += text.length
    text = ''
  }
  await file.close()
}

/** Rows of a table: name, size, seconds, megabytes at the peak. */
export async function measureFiles(): Promise<(string | number)[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'runner-files-'))
  const rows = []
  for (const { name, file, work, order } of CASES) {
    const path = join(folder, file)
    const bytes = await readFile(path).catch(async () => {
      await MAKERS[file](path)
      return readFile(path)
    })
    const child = [import.meta.filename, path, work, JSON.stringify(order)]
    const { stdout } = await promisify(execFile)(process.execPath, child)
    const { seconds, peakMb } = JSON.parse(stdout)
    rows.push([name, (bytes.byteLength / 1e6).toFixed(1), seconds, peakMb])
  }
  await rm(folder, { recursive: true })
  return rows
}

async function runOne(path: string, work: string, order: string): Promise<void> {
  const startedAt = performance.now()
  const input = async () => {
    const bytes = await readFile(path)
    return { ...JSON.parse(order), bytes }
  }
  await openHeavyThread()({ name: work, input, signal: new AbortController().signal })
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(JSON.stringify({ seconds, peakMb: Math.round(process.resourceUsage().maxRSS / 1_024) }))
}

const [, program, path, work, order] = process.argv
if (program === import.meta.filename) {
  if (path && work && order) await runOne(path, work, order)
  else console.table(await measureFiles())
  process.exit()
}
