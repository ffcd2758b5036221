/**
 * `npm run soak -- --minutes 60 --per-second 2`: the product as a process of its own under a steady load, and how its
 * memory grows. Prints a line a minute and at the end the slope of the second half, when caches are full. Exit code 1 when
 * a task is not done, or when a run of half an hour or more grows by more than 20 MB an hour.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { residentMb } from '../fixtures/resident.ts'
import { startProcess } from '../fixtures/running.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, 'per-second': { type: 'string', default: '2' } },
})
const [minutes, perSecond] = [Number(values.minutes), Number(values['per-second'])]
if (!(minutes > 0) || !(perSecond > 0)) {
  console.error('Use: npm run soak -- [--minutes 60] [--per-second 2]')
  process.exit(2)
}
const MOST_MB_PER_HOUR = 20
const SAMPLE_MS = 5_000
const MODELS = [
  'stub-50',
  'stub-700',
  'stub-2000',
  'stub-500-once',
  'stub-401',
  'stub-mistyped-once',
  'stub-huge',
]
/** These end FAILED. */
const HOPELESS = /401|huge/

interface Sample {
  readonly at: number
  readonly mb: number
}

/** Least squares. @returns megabytes an hour. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [at, mb] = [mean((sample) => sample.at), mean((sample) => sample.mb)]
  const along = samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.mb - mb), 0)
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0)
  return spread === 0 ? 0 : (along / spread) * 3_600_000
}

const server = await startModelServer()
const stateDir = await mkdtemp(join(tmpdir(), 'soak-'))
const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
const running = await startProcess(['--port', '0'], env, stateDir)
const client = new Client(running.url)
const samples: Sample[] = []
const sample = async () => samples.push({ at: Date.now(), mb: await residentMb(running.child.pid) })
const startedAt = Date.now()
const endsAt = startedAt + minutes * 60_000
let submitted = 0
let open: Promise<void>[] = []
const wrong: string[] = []
try {
  const submitOne = async (n: number) => {
    const model = MODELS[n % MODELS.length] ?? 'stub-50'
    const size = n % 50 === 0 ? 'large '.repeat(5_000) : ''
    const { id } = await client.submit({ prompt: `soak ${n} ${size}`, model })
    const { status } = await client.done(id, 300_000)
    if (status !== (HOPELESS.test(model) ? 'FAILED' : 'COMPLETED')) wrong.push(`${model}: ${status}`)
    // The stub remembers every call; its memory is not the product's, but nobody asks for these.
    server.calls.splice(0, Math.max(0, server.calls.length - 1_000))
  }
  for (let nextSample = 0, nextLine = startedAt + 60_000; Date.now() < endsAt; ) {
    const n = submitted
    submitted += 1
    open.push(submitOne(n).catch((cause: Error) => void wrong.push(cause.message)))
    if (Date.now() >= nextSample) {
      await sample()
      nextSample = Date.now() + SAMPLE_MS
    }
    if (Date.now() >= nextLine) {
      await Promise.all(open)
      open = []
      const minute = Math.round((Date.now() - startedAt) / 60_000)
      console.info(
        `${String(minute).padStart(4)} min  ${submitted} tasks  ${samples.at(-1)?.mb.toFixed(0)} MB`,
      )
      nextLine += 60_000
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000 / perSecond))
  }
  await Promise.all(open)
  await sample()
} finally {
  await running.end('SIGTERM')
  await server.stop()
  await rm(stateDir, { recursive: true, force: true })
}
const settled = samples.slice(Math.floor(samples.length / 2))
const slope = slopeOf(settled)
const sizes = samples.map(({ mb }) => mb)
console.info(`${submitted} tasks in ${minutes} min, ${wrong.length} of them ended wrong`)
for (const text of new Set(wrong)) console.info(`  ${text}`)
console.info(
  `memory ${Math.min(...sizes).toFixed(0)}–${Math.max(...sizes).toFixed(0)} MB; second half ${slope >= 0 ? '+' : ''}${slope.toFixed(1)} MB an hour`,
)
if (minutes < 30) console.info('A slope needs half an hour: the first minutes fill caches.')
process.exit(wrong.length > 0 || (minutes >= 30 && slope > MOST_MB_PER_HOUR) ? 1 : 0)
