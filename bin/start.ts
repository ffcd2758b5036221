/** `npm start`: the whole product on this machine. `--fresh` forgets all tasks, `--port N`, `--watch` reloads on change. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { loadEnvFile } from 'node:process'
import { parseArgs, styleText } from 'node:util'
import type { Runtime } from '../lib/local/runtime.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** Another place for it lets two of them run side by side. */
const STATE = resolve(process.env.TASKRUNNER_STATE?.trim() || join(ROOT, '.taskrunner'))
const LOCK = join(STATE, 'running.json')
const DEFAULT_PORT = 3_000
/** A stop gives what runs 3 s, and the services one. */
const STOPPING_MS = 6_000

interface Settings {
  readonly port: number
  readonly isFresh: boolean
  readonly isWatching: boolean
}

async function main(): Promise<void> {
  const settings = readSettings()
  await refuseSecond()
  const startedAt = performance.now()
  // Imported here: a machine without `npm ci` gets a sentence, not a stack trace.
  const { startRuntime } = await import('../lib/local/runtime.ts').catch(explainMissing)
  const { synthesize } = await import('../lib/local/synthesize.ts')
  const { ENVIRONMENT_LIMIT, timingScale } = await import('../lib/stages/local.ts')
  let isWaiting = true
  const assemblyDir = synthesize(STATE).finally(() => {
    isWaiting = false
  })
  assemblyDir.catch(() => undefined)
  setTimeout(() => isWaiting && console.log('Bundling and synthesizing stage local …'), 700).unref()
  const runtime = await startRuntime({
    assemblyDir,
    stateDir: STATE,
    port: settings.port,
    env: process.env,
    isFresh: settings.isFresh,
    environmentLimit: ENVIRONMENT_LIMIT,
    timerScale: timingScale(process.env),
    warn: (text) => console.warn(styleText('yellow', text)),
    tell: (text, isBad) => console.log(styleText(isBad ? 'red' : 'green', text)),
  })
  await mkdir(STATE, { recursive: true })
  await writeFile(LOCK, JSON.stringify({ pid: process.pid, url: runtime.url }))
  stopOnSignal(runtime)
  printBanner(runtime.url, performance.now() - startedAt)
  if (settings.isWatching) await reloadOnChange(runtime, synthesize)
}

function readSettings(): Settings {
  const file = join(ROOT, '.env')
  if (existsSync(file)) loadEnvFile(file)
  const { values } = parseArgs({
    options: {
      fresh: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      port: { type: 'string' },
    },
  })
  const given = values.port ?? (process.env.PORT?.trim() || String(DEFAULT_PORT))
  const port = Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT is "${given}"; it must be a whole number from 0 to 65535.`)
  return { port, isFresh: values.fresh, isWatching: values.watch }
}

/** Two runtimes on one state would open the same database twice. @throws Error when another one answers. */
async function refuseSecond(): Promise<void> {
  const other = await readFile(LOCK, 'utf8').then(
    (text) => JSON.parse(text) as { pid: number; url: string },
    () => undefined,
  )
  if (!other) return
  if (isAlive(other.pid) && (await answers(other.url)))
    throw new Error(
      `It runs already, at ${other.url} (process ${other.pid}). Stop that one first: kill ${other.pid}`,
    )
  // It is on its way out, with the database still open.
  for (const end = Date.now() + STOPPING_MS; isAlive(other.pid) && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 100))
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

function stopOnSignal(runtime: Runtime): void {
  let isStopping = false
  const stop = async () => {
    if (isStopping) process.exit(130)
    isStopping = true
    console.log('\nStopping. Tasks that run go on at the next start; press Ctrl-C again to stop at once.')
    await runtime.stop().catch((cause: Error) => console.error(cause.message))
    await rm(LOCK, { force: true })
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function printBanner(url: string, tookMs: number): void {
  const base = url.replace('127.0.0.1', 'localhost')
  const isUsual = base.endsWith(`:${DEFAULT_PORT}`)
  const hasOpenai = Boolean(process.env.OPENAI_API_KEY?.trim() || process.env.OPENAI_BASE_URL?.trim())
  const hasAnthropic = Boolean(
    process.env.ANTHROPIC_API_KEY?.trim() || process.env.ANTHROPIC_BASE_URL?.trim(),
  )
  const simulated = [...(hasOpenai ? [] : ['gpt-*']), ...(hasAnthropic ? [] : ['claude-*'])]
  const line = (name: string, value: string) => `  ${styleText('dim', name.padEnd(9))}${value}`
  console.log(
    [
      '',
      `  ${styleText('bold', 'Async AI Task Runner')} is up ${styleText('dim', `(${(tookMs / 1_000).toFixed(1)} s)`)}`,
      '',
      line('API', styleText('cyan', `${base}/api/v1`)),
      line('Docs', styleText('cyan', `${base}/api/v1/docs`)),
      line('Console', styleText('cyan', `${base}/console`)),
      line('Logs', `${relative(process.cwd(), join(STATE, 'logs'))}/`),
      ...(simulated.length > 0
        ? [
            line(
              'Models',
              styleText('yellow', `${simulated.join(' and ')} answered by "simulated": no key in .env`),
            ),
            line('', 'cp .env.example .env, put a key in, start again'),
          ]
        : []),
      '',
      `  Try it:   ${styleText('green', `npm run quick-test${isUsual ? '' : ` -- --base ${base}`}`)}   or`,
      '',
      `  curl -X POST ${base}/api/v1/tasks -H 'Content-Type: application/json' \\`,
      `    -d '{"prompt": "What is quantum computing?", "model": "gpt-3.5-turbo"}'`,
      '',
    ].join('\n'),
  )
}

/** Sources change in bursts: an editor writes several files, a checkout hundreds. */
const SETTLE_MS = 200

async function reloadOnChange(
  runtime: Runtime,
  synthesize: (stateDir: string) => Promise<string>,
): Promise<void> {
  const { watch } = await import('chokidar')
  let timer: NodeJS.Timeout | undefined
  let work = Promise.resolve()
  let running = ''
  const reload = async () => {
    const startedAt = performance.now()
    try {
      const directory = await synthesize(STATE)
      if (directory === running) return
      running = directory
      await runtime.deploy(directory)
      console.log(styleText('green', `Reloaded (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`))
    } catch (cause) {
      console.error(styleText('red', `Not reloaded, the old code runs on: ${(cause as Error).message}`))
    }
  }
  // Written by the reload itself, or by nobody's hand.
  const ignored = (path: string) => path.includes('.gen.') || path.includes('node_modules')
  const watcher = watch(['functions', 'lib'], { cwd: ROOT, ignoreInitial: true, ignored })
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      work = work.then(reload)
    }, SETTLE_MS)
  })
  console.log(styleText('dim', '  Watching functions/ and lib/. A change of lib/local/ wants a restart.\n'))
}

main().catch((cause: NodeJS.ErrnoException) => {
  const isTaken = cause.code === 'EADDRINUSE'
  const text = isTaken
    ? `Port ${(cause as { port?: number }).port} is taken. Stop what listens there, or choose another: npm start -- --port 3001`
    : cause.message
  console.error(styleText('red', text))
  process.exit(1)
})
