import { join } from 'node:path'
import { type Emulator, environment, freePort, pythonEnvironment, startEmulator } from './run-emulator.ts'

const VERSION = '1.5.33'

/** MiniStack on a free port of loopback: it starts in half a second, and its functions are child processes of our Node 24. */
export async function startMinistack(): Promise<Emulator> {
  const directory = await pythonEnvironment(`ministack-${VERSION}`, [`ministack==${VERSION}`])
  const port = await freePort()
  return startEmulator(join(directory, 'bin/python'), ['-m', 'ministack'], {
    port,
    // Without this setting it listens on all interfaces.
    env: () => environment({ BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port) }),
    readyPath: '/_ministack/health',
    timeoutMs: 30_000,
  })
}
