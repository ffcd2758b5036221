import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '../../fixtures/client.ts'
import { startModelServer } from '../../fixtures/model-server.ts'
import { type Harm, startHarmedRuntime } from './harmed-runtime.ts'

/** A runtime with faults in a separate folder, with a model server and a client. */
export async function startHarmedWorld(harm: Partial<Pick<Harm, 'seed' | 'share'>> = {}) {
  const server = await startModelServer()
  const stateDir = await mkdtemp(join(tmpdir(), 'runner-'))
  const harmed = await startHarmedRuntime({
    ...{ seed: 1, share: 0, queueShare: 0, stateDir, ...harm },
    env: { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*,later-*', OPENAI_BACKGROUND: 'later-*' },
  })
  return {
    server,
    harmed,
    client: new Client(harmed.runtime.url),
    stop: async () => {
      await harmed.stop()
      await server.stop()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
export type HarmedWorld = Awaited<ReturnType<typeof startHarmedWorld>>
