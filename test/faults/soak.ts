/**
 * `npm run soak -- --minutes 60 --per-second 2`: the product as a separate process under a steady load, and how its
 * memory grows. First it fills what the console keeps. Workers come and go with the load, 45 MB each, so memory under load
 * does not show growth: every five minutes the load pauses until the environments are gone and the process has
 * collected garbage, and the remaining memory is compared. Prints a line a minute and at the end the slope of the second half. Exit
 * code 1 when a task is not done, or when a run of half an hour or more grows by more than 20 MB an hour.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { residentOf } from '../fixtures/resident.ts'
import { startProcess } from '../fixtures/running.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, 'per-second': { type: 'string', default: '2' } },
})
const [minutes, perSecond] = [Number(values.minutes), Number(values['per-second'])]
if (!(minutes > 0) || !(perSecond > 0)) {
  console.error('Use: npm run soak -- [--minutes 60] [--per-second 2]')
  process.exit(2)
}
const MAX_MB_PER_HOUR = 20
/** Of the second half; a line through fewer is no slope. */
const MIN_RESTS = 3
const SAMPLE_MS = 5_000
const CONSOLE_TASKS = 20_000
const LOAD_MS = 240_000
/** Environments of the local run end after 30 s without work; on a busy machine it takes longer. */
const MAX_REST_MS = 300_000
/** A task that has failed may wait five minutes at an open circuit, more than once. */
const MAX_TASK_MS = 900_000
/** A thread collects garbage after 20 s without work. */
const COLLECT_MS = 40_000
const REST_LOOK_MS = 60_000
/** Less memory than an environment has. */
const NO_ENVIRONMENT_MB = 20
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
  /** Of the product's own process, and with its environments. */
  readonly own: number
  readonly all: number
}

/** Least squares. @returns megabytes per hour. */
function slopeOf(points: readonly { readonly at: number; readonly mb: number }[]): number {
  const mean = (of: (point: { readonly at: number; readonly mb: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [at, mb] = [mean((point) => point.at), mean((point) => point.mb)]
  const along = points.reduce((sum, point) => sum + (point.at - at) * (point.mb - mb), 0)
  const spread = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0)
  return spread === 0 ? 0 : (along / spread) * 3_600_000
}

const server = await startModelServer()
const stateDir = await mkdtemp(join(tmpdir(), 'soak-'))
// Leases of full length, as in every `npm start`: the short ones of tests end while a busy machine is late.
const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*', TIMING_SCALE: '1' }
const running = await startProcess(['--port', '0'], env, stateDir)
const client = new Client(running.url)
const under: Sample[] = []
const rests: Sample[] = []
const look = async (): Promise<Sample> => ({ at: Date.now(), ...(await residentOf(running.child.pid)) })
const startedAt = Date.now()
const endsAt = startedAt + minutes * 60_000
let submitted = 0
const wrong: string[] = []
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const line = (what: string, { own, all }: Sample) =>
  console.info(
    `${((Date.now() - startedAt) / 60_000).toFixed(0).padStart(4)} min  ${what}  ${submitted} tasks  ${own.toFixed(0)} MB, ${all.toFixed(0)} with its environments`,
  )

async function submitOne(n: number) {
  const model = MODELS[n % MODELS.length] ?? 'stub-50'
  const size = n % 50 === 0 ? 'large '.repeat(5_000) : ''
  const { id } = await client.submit({ prompt: `soak ${n} ${size}`, model })
  const { status } = await client.done(id, MAX_TASK_MS)
  if (status !== (HOPELESS.test(model) ? 'FAILED' : 'COMPLETED')) wrong.push(`${model}: ${status}`)
  // The stub stores every call. This run reads none of them, so they are dropped.
  server.calls.splice(0, Math.max(0, server.calls.length - 1_000))
}

/** Submits until that time, waits for all tasks, and measures the memory meanwhile. */
async function load(until: number) {
  const open: Promise<void>[] = []
  for (let nextSample = 0, nextLine = Date.now() + 60_000; Date.now() < until; ) {
    open.push(submitOne(submitted).catch((cause: Error) => void wrong.push(cause.message)))
    submitted += 1
    if (Date.now() >= nextSample) {
      under.push(await look())
      nextSample = Date.now() + SAMPLE_MS
    }
    const latest = under.at(-1)
    if (latest && Date.now() >= nextLine) {
      line('load', latest)
      nextLine += 60_000
    }
    await pause(1_000 / perSecond)
  }
  await Promise.all(open)
}

/**
 * Waits until the environments have ended and the remaining threads have collected garbage. Sweeper and console start a
 * thread now and then, 30 MB each, so the smallest sample of a minute is taken.
 *
 * @returns undefined when an environment is still there: its 45 MB would be taken for growth.
 */
async function atRest(): Promise<Sample | undefined> {
  const until = Date.now() + MAX_REST_MS
  const hasEnvironment = ({ own, all }: Sample) => all - own > NO_ENVIRONMENT_MB
  for (let sample = await look(); hasEnvironment(sample); sample = await look()) {
    if (Date.now() > until) return undefined
    await pause(SAMPLE_MS)
  }
  await pause(COLLECT_MS)
  let smallest = await look()
  for (const end = Date.now() + REST_LOOK_MS; Date.now() < end; ) {
    await pause(SAMPLE_MS)
    const sample = await look()
    if (sample.all < smallest.all) smallest = sample
  }
  return hasEnvironment(smallest) ? undefined : smallest
}

/** Fills what the console keeps, 20,000 tasks and as many log lines, so that what still grows is a leak. */
async function fillConsole() {
  const kept = { prompt: 'kept by the console', model: 'stub-50', delay_seconds: 86_400 }
  for (let n = 0; n < CONSOLE_TASKS; n += 50)
    await Promise.all(Array.from({ length: 50 }, () => client.submit(kept)))
}

try {
  await fillConsole()
  while (Date.now() < endsAt) {
    await load(Math.min(endsAt, Date.now() + LOAD_MS))
    const rest = await atRest()
    if (rest) rests.push(rest)
    line(rest ? 'rest' : 'busy', rest ?? (await look()))
  }
} finally {
  await running.end('SIGTERM')
  await server.stop()
  await rm(stateDir, { recursive: true, force: true })
}
const settled = rests.slice(Math.floor(rests.length / 2))
const slopes = [
  slopeOf(settled.map(({ at, own }) => ({ at, mb: own }))),
  slopeOf(settled.map(({ at, all }) => ({ at, mb: all }))),
]
const grown = Math.max(...slopes)
const sizes = under.map(({ all }) => all)
const signed = (value: number | undefined = 0) => `${value >= 0 ? '+' : ''}${value.toFixed(1)}`
console.info(`${submitted} tasks in ${minutes} min, ${wrong.length} of them ended wrong`)
for (const text of new Set(wrong)) console.info(`  ${text}`)
console.info(
  `memory under load ${Math.min(...sizes).toFixed(0)}–${Math.max(...sizes).toFixed(0)} MB; at rest ${signed(slopes[0])} MB an hour, ${signed(slopes[1])} with its environments`,
)
if (minutes < 30) console.info('A slope needs half an hour: the first minutes fill caches.')
const hasSlope = settled.length >= MIN_RESTS
if (minutes >= 30 && !hasSlope) console.info(`Only ${rests.length} rests: too few for a slope.`)
process.exit(wrong.length > 0 || (minutes >= 30 && !(hasSlope && grown <= MAX_MB_PER_HOUR)) ? 1 : 0)
