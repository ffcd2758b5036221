import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { buildApp } from '../../../lib/app.ts'
import { bundleFunctions } from '../../../lib/bundle.ts'
import type { StageSettings } from '../../../lib/stages/stage-schema.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
export const STATE = join(ROOT, '.taskrunner')

const run = promisify(execFile)
const REGION = 'eu-central-1'
const ACCOUNT = '000000000000'

/** The emulators start functions with the `node` on the PATH. It must be the version that the functions are built for. */
const PATH = [join(ROOT, 'node_modules/node/bin'), process.env.PATH].join(delimiter)

/** The environment for AWS tools and emulators: without the shell's profile, credentials and endpoints. */
export const environment = (more: Readonly<Record<string, string>>): Record<string, string> => ({
  ...(Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:AWS_|CDK_|VITEST|NODE_OPTIONS)/.test(name)),
  ) as Record<string, string>),
  PATH,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: REGION,
  AWS_DEFAULT_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
  ...more,
})

/** @returns why no virtual environment can be made here; undefined when one can. */
export async function pythonMissing(): Promise<string | undefined> {
  const check = run('python3', ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'])
  return check.then(
    () => undefined,
    () => 'python3 of 3.10 or newer with venv and pip is not installed here',
  )
}

/**
 * A virtual environment with exactly these packages, stored in `.taskrunner/`. Start its programs as `bin/python -m`: the
 * scripts that pip writes to `bin/` contain the path of the folder they were installed in. It is made in a temporary folder and
 * moved to its place when it is complete, so that a failed download, or a second suite that makes the same one at the same
 * time, does no harm.
 *
 * @param prepare changes it once, after the install.
 */
export async function pythonEnvironment(
  name: string,
  packages: readonly string[],
  prepare: (directory: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const directory = join(STATE, name)
  if (existsSync(directory)) return directory
  await mkdir(STATE, { recursive: true })
  const draft = await mkdtemp(`${directory}.draft-`)
  try {
    await run('python3', ['-m', 'venv', draft])
    // Python compiles a file when it imports it. pip would compile all files, which takes three quarters of its time.
    const options = ['--quiet', '--disable-pip-version-check', '--no-compile']
    const pip = ['-m', 'pip', 'install', ...options, ...packages]
    await run(join(draft, 'bin/python'), pip, { maxBuffer: 16 * 1024 * 1024 })
    await prepare(draft)
    await rename(draft, directory)
  } catch (cause) {
    await rm(draft, { recursive: true, force: true })
    // The other suite has made it already.
    if (!existsSync(directory)) throw cause
  }
  return directory
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

export interface Emulator {
  readonly endpoint: string
  readonly output: () => string
  stop(): Promise<void>
}

/** Ends the whole process group when the emulator, or the test that started it, has ended for any reason. */
const GUARD = `"$@" & child=$!
while kill -0 ${process.pid} 2>/dev/null && kill -0 $child 2>/dev/null; do sleep 1; done
kill -KILL 0`

/** Starts an emulator in a separate process group, so that its functions' processes end with it. */
export async function startEmulator(
  command: string,
  args: readonly string[],
  options: {
    readonly port: number
    /** @param directory an empty folder; it is deleted at the end. */
    readonly env: (directory: string) => Record<string, string>
    readonly readyPath: string
    readonly timeoutMs: number
  },
): Promise<Emulator> {
  const directory = await mkdtemp(join(tmpdir(), 'emulator-'))
  const child = spawn('sh', ['-c', GUARD, 'sh', command, ...args], {
    cwd: directory,
    env: { ...options.env(directory), TMPDIR: directory },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text = `${text}${chunk.toString('utf8')}`.slice(-200_000)
    })
  const endpoint = `http://127.0.0.1:${options.port}`
  const emulator: Emulator = {
    endpoint,
    output: () => text,
    stop: async () => {
      // Nothing of it is kept, so it need not stop cleanly.
      if (isRunning(child)) {
        const gone = new Promise((done) => child.once('exit', done))
        process.kill(-(child.pid ?? 0), 'SIGKILL')
        await gone
      }
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  for (const end = Date.now() + options.timeoutMs; ; ) {
    const answer = await fetch(`${endpoint}${options.readyPath}`).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return emulator
    if (!isRunning(child) || Date.now() > end) {
      await emulator.stop()
      throw new Error(`${command} did not start:\n${text.slice(-4_000)}`)
    }
    await new Promise((done) => setTimeout(done, 50))
  }
}

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null

type Adjust = (stage: StageSettings) => StageSettings

/** Stage `emulated`, synthesized into a separate folder: `cdk bootstrap` would overwrite `cdk.out`. */
export async function synthesizeEmulated(adjust?: Adjust): Promise<string> {
  const bundleRoot = join(STATE, 'emulated/bundles')
  await bundleFunctions({ outRoot: bundleRoot })
  const outdir = await mkdtemp(join(tmpdir(), 'emulated-'))
  buildApp({ stages: ['emulated'], outdir, bundleRoot, env: {}, ...(adjust ? { adjust } : {}) }).synth()
  return outdir
}

/** The steps of a user with a new account: bootstrap, then deploy every stack of the stage with the CDK's own CLI. */
export async function deployEmulated(endpoint: string, adjust?: Adjust): Promise<void> {
  const assembly = await synthesizeEmulated(adjust)
  const env = environment({ AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_S3: endpoint, CI: 'true' })
  const cdk = async (...args: string[]) => {
    const command = [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), ...args]
    const all = [...command, '--app', assembly, '--no-notices', '--progress', 'events']
    await run(process.execPath, all, { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 }).catch(
      (cause: { stdout?: string; stderr?: string }) => {
        throw new Error(
          `cdk ${args[0]} failed:\n${cause.stdout?.slice(-6_000)}\n${cause.stderr?.slice(-2_000)}`,
        )
      },
    )
  }
  try {
    await cdk('bootstrap', `aws://${ACCOUNT}/${REGION}`)
    await cdk('deploy', 'TaskRunner-emulated/*', '--require-approval', 'never')
  } finally {
    await rm(assembly, { recursive: true, force: true })
  }
}
