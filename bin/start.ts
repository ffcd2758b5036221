/** `npm start`: runs the whole product on this machine. `--help` lists the options. */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { loadEnvFile } from 'node:process'
import { parseArgs, styleText } from 'node:util'
import { replaceFile } from '../lib/local/emulator/replace-file.ts'
import { readStateFile } from '../lib/local/emulator/state-file.ts'
import type { Runtime } from '../lib/local/runtime.ts'
import { withoutControls } from './cli/screen.ts'
import { restartWithFixedAllocator } from './start/allocator.ts'
import { endOnSignal, STOPPING_MS } from './start/end-on-signal.ts'
import { unusedNames } from './start/env-file.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** With different folders, two of them can run at the same time. */
const STATE = resolve(process.env.TASKRUNNER_STATE?.trim() || join(ROOT, '.taskrunner'))
const ENV_FILE = join(ROOT, '.env')
const LOCK = join(STATE, 'running.json')
const DEFAULT_PORT = 3_000

const HELP = `npm start -- [options], npm run dev -- [options]

  --port <n>           another port than 3000 (or PORT in .env); 0 for any free one
  --fresh              forget all tasks first
  --new-key            with AUTH=keys: make another administrator's key
  --quiet              no line per task in this terminal
  --inspect            let a debugger in at 127.0.0.1:9229: breakpoints in functions/tasks/*/task.ts
  --inspect-port <n>   at another port
  --watch              take over every change that is saved (npm run dev)`

interface Settings {
  readonly port: number
  readonly isFresh: boolean
  readonly isWatching: boolean
  readonly isQuiet: boolean
  readonly inspectPort: number | undefined
}

async function main(): Promise<void> {
  restartWithFixedAllocator()
  // Files that it writes contain prompts and answers, so they are readable only for this user.
  process.umask(0o077)
  const settings = readSettings()
  const stopFirst = endOnSignal()
  await refuseSecond()
  const startedAt = performance.now()
  // Imported here, so that a machine without `npm ci` gets a clear message instead of a stack trace.
  const { startRuntime } = await import('../lib/local/runtime.ts').catch(explainMissing)
  const { synthesize } = await import('../lib/assembly/synthesize.ts')
  const { ENVIRONMENT_LIMIT, timingScale } = await import('../lib/stages/local.ts')
  const { TASK_RUNNER } = await import('../lib/task-runner.ts')
  const { bannerText } = await import('./start/banner.ts')
  let isWaiting = true
  const isReadable = settings.inspectPort !== undefined
  if (settings.inspectPort !== undefined) await openInspector(settings.inspectPort)
  const lines = settings.isQuiet ? undefined : await openTaskLines()
  const assemblyDir = synthesize(STATE, process.env, { isReadable }).finally(() => {
    isWaiting = false
  })
  assemblyDir.catch(() => undefined)
  const sayWaiting = (text: string) => isWaiting && console.log(text)
  setTimeout(sayWaiting, 700, 'Bundling and synthesizing stage local, some 10 s at a first start …').unref()
  setTimeout(sayWaiting, 15_000, 'Still at it: this machine is busy …').unref()
  const runtime = await startRuntime({
    product: TASK_RUNNER,
    assemblyDir,
    stateDir: STATE,
    port: settings.port,
    host: process.env.HOST?.trim() || undefined,
    env: process.env,
    isFresh: settings.isFresh,
    environmentLimit: ENVIRONMENT_LIMIT,
    timerScale: timingScale(process.env),
    warn: (text) => console.warn(styleText('yellow', withoutControls(text))),
    tell: (text, isBad) => console.log(styleText(isBad ? 'red' : 'green', withoutControls(text))),
    onLine: (name, line) => {
      for (const text of lines?.read(name, line) ?? []) console.log(text)
    },
    isInspected: isReadable,
  })
  await mkdir(STATE, { recursive: true })
  await replaceFile(LOCK, JSON.stringify({ pid: process.pid, url: runtime.url }))
  stopFirst(() => runtime.stop().finally(() => rm(LOCK, { force: true })))
  const banner = bannerText({
    url: runtime.url,
    tookMs: performance.now() - startedAt,
    logs: relative(process.cwd(), join(STATE, 'logs')),
    env: process.env,
    hasEnvFile: existsSync(ENV_FILE),
    isUsualPort: runtime.url.endsWith(`:${DEFAULT_PORT}`),
  })
  console.log(banner)
  await sayFirstKey(runtime)
  for (const text of await unusedNames(ENV_FILE)) console.warn(styleText('yellow', text))
  if (!settings.isWatching) return
  const { reloadOnChange } = await import('./start/reload.ts')
  await reloadOnChange({
    root: ROOT,
    state: STATE,
    runtime,
    synthesize,
    isReadable,
    running: await assemblyDir,
  })
}

/** Prints the first key of a stage with keys, once, because it cannot be shown again. */
async function sayFirstKey(runtime: Runtime): Promise<void> {
  if (process.env.AUTH?.trim() !== 'keys') return
  const { makeAdminKey } = await import('../lib/deploy/admin-key.ts')
  const isWanted = process.argv.includes('--new-key')
  // On a busy machine the function may need longer than the ten seconds of Lambda to start.
  const make = () => makeAdminKey((event) => runtime.pool('Keys').invoke(event), Date.now(), isWanted)
  const made = await make()
    .catch(make)
    .catch((cause: Error) => cause)
  if (made instanceof Error) {
    const text = `The API is closed, and no key could be made (${made.message}). Start again with --new-key.`
    console.warn(styleText('yellow', text))
    return
  }
  console.log(
    made
      ? `  The API is closed. Your administrator's key, shown this once:\n\n  export TASKRUNNER_KEY=${made.key}\n`
      : "  The API is closed. A lost administrator's key is replaced by: npm start -- --new-key\n",
  )
}

async function openInspector(port: number): Promise<void> {
  const { open, url } = await import('node:inspector')
  open(port, '127.0.0.1')
  if (!url())
    throw new Error(
      `No debugger can listen on port ${port}: it is taken. Choose another: --inspect-port 9230`,
    )
  console.log(
    `Debugger: attach to ${new URL(url() ?? '').host}. Functions wait an hour at a breakpoint, a lease 60 s.`,
  )
}

async function openTaskLines() {
  const { TaskLines } = await import('./start/task-lines.ts')
  return new TaskLines(styleText)
}

function readSettings(): Settings {
  if (existsSync(ENV_FILE)) loadEnvFile(ENV_FILE)
  const { values } = parseArgs({
    options: {
      fresh: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      port: { type: 'string' },
      'new-key': { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      inspect: { type: 'boolean', default: false },
      'inspect-port': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const given = values.port ?? (process.env.PORT?.trim() || String(DEFAULT_PORT))
  const asked = values['inspect-port'] ?? (values.inspect ? '9229' : undefined)
  return {
    port: toPort('PORT', given),
    isFresh: values.fresh,
    isWatching: values.watch,
    isQuiet: values.quiet,
    inspectPort: asked === undefined ? undefined : toPort('--inspect-port', asked),
  }
}

function toPort(name: string, given: string): number {
  const port = Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} is "${given}"; it must be a whole number from 0 to 65535.`)
  return port
}

/** Two runtimes with one state would open the same database twice. @throws Error when another one answers. */
async function refuseSecond(): Promise<void> {
  const other = toLock(await readStateFile(LOCK))
  if (!other) return
  if (isAlive(other.pid) && (await answers(other.url)))
    throw new Error(
      `It runs already, at ${other.url} (process ${other.pid}). Stop that one first: kill ${other.pid}`,
    )
  // The other process is ending, with the database still open.
  for (const end = Date.now() + STOPPING_MS; isAlive(other.pid) && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 100))
}

/** A damaged file names no process; if another one runs, the port or the database reports it. */
function toLock(text: string | undefined): { readonly pid: number; readonly url: string } | undefined {
  if (text === undefined) return undefined
  try {
    const { pid, url } = JSON.parse(text) as { pid: unknown; url: unknown }
    return typeof pid === 'number' && typeof url === 'string' && URL.canParse(url) ? { pid, url } : undefined
  } catch {
    console.warn(styleText('yellow', `${LOCK} is damaged and is written anew.`))
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 500 })
    const end = (isUp: boolean) => {
      socket.destroy()
      resolve(isUp)
    }
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}

function explainMissing(cause: NodeJS.ErrnoException): never {
  if (cause.code === 'ERR_MODULE_NOT_FOUND')
    throw new Error(`Packages are missing. Run: npm ci (${cause.message.split('\n')[0]})`)
  throw cause
}

main().catch((cause: NodeJS.ErrnoException) => {
  const isTaken = cause.code === 'EADDRINUSE'
  const text = isTaken
    ? `Port ${(cause as { port?: number }).port} is taken. Stop what listens there, or choose another: npm start -- --port 3001`
    : cause.message
  console.error(styleText('red', text))
  process.exit(1)
})
