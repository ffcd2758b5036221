/**
 * `npm run litellm`: our two HTTP providers against a LiteLLM proxy, which rewrites every answer and error.
 * It forwards to its own mock answers and to the stub server of the tests.
 *
 * On request only: the proxy is a Python program of 500 MB. `LITELLM` names its command; otherwise it is searched on PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { ProviderError } from '../../functions/core/domain/errors.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { startModelServer } from '../fixtures/model-server.ts'

const KEY = 'sk-litellm-master-key'
const START_MS = 120_000
const CALL_MS = 30_000

interface Case {
  readonly model: string
  /** Omitted: the model is one of the stub server. */
  readonly mock?: string
  readonly expected: string
}

/** What a caller must get, as text, or as code and retry. */
const CASES: readonly Case[] = [
  { model: 'mock-text', mock: '"from behind the proxy"', expected: 'from behind the proxy' },
  { model: 'mock-rate', mock: 'litellm.RateLimitError', expected: 'provider_rate_limited counted' },
  { model: 'mock-context', mock: 'litellm.ContextWindowExceededError', expected: 'context_too_long never' },
  { model: 'mock-internal', mock: 'litellm.InternalServerError', expected: 'provider_unavailable counted' },
  { model: 'stub-0', expected: 'echo: stub-0' },
  { model: 'stub-400', expected: 'provider_rejected never' },
  { model: 'stub-401', expected: 'provider_unauthorized never' },
  { model: 'stub-429', expected: 'provider_rate_limited counted' },
  { model: 'stub-500', expected: 'provider_unavailable counted' },
  { model: 'stub-503', expected: 'provider_unavailable counted' },
  { model: 'stub-reset', expected: 'provider_unavailable counted' },
  { model: 'stub-not-json', expected: 'provider_unavailable counted' },
  { model: 'mock-timeout', expected: 'provider_timeout counted' },
]

const settingsOf = (stubUrl: string): string =>
  [
    'model_list:',
    ...CASES.flatMap(({ model, mock }) => [
      `  - model_name: ${model}`,
      '    litellm_params:',
      `      model: openai/${model}`,
      `      api_base: ${stubUrl}`,
      '      api_key: stub-key',
      '      max_retries: 0',
      ...(mock ? [`      mock_response: ${mock}`] : []),
      ...(model === 'mock-timeout' ? ['      mock_timeout: true', '      timeout: 1'] : []),
    ]),
    '  - { model_name: unused, litellm_params: { model: openai/unused } }',
    // A proxy that retries by itself, or disables a model after an error, would hide what is tested.
    'router_settings: { num_retries: 0, disable_cooldowns: true }',
    'litellm_settings: { num_retries: 0, telemetry: false }',
    `general_settings: { master_key: ${KEY} }`,
    '',
  ].join('\n')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}

async function untilUp(url: string, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + START_MS; Date.now() < until; ) {
    if (child.exitCode !== null) throw new Error(`The proxy ended with code ${child.exitCode} as it started.`)
    const answer = await fetch(`${url}/health/liveliness`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  throw new Error(`The proxy did not answer within ${START_MS / 1_000} s.`)
}

const outcomeOf = (provider: ModelProvider, model: string): Promise<string> =>
  provider
    .generate(
      { model, messages: [{ role: 'user', content: model }] },
      { signal: AbortSignal.timeout(CALL_MS) },
    )
    .then(
      ({ text }) => text,
      (error) => (error instanceof ProviderError ? `${error.code} ${error.retry}` : String(error)),
    )

const stub = await startModelServer()
const folder = await mkdtemp(join(tmpdir(), 'litellm-'))
await writeFile(join(folder, 'settings.yaml'), settingsOf(stub.openaiUrl))
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const command = process.env.LITELLM ?? 'litellm'
const child = spawn(
  command,
  ['--config', join(folder, 'settings.yaml'), '--host', '127.0.0.1', '--port', String(port)],
  { stdio: 'ignore', env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' } },
)
const failed = once(child, 'error').then(([cause]) => {
  throw new Error(`"${command}" cannot be run: ${cause.message}. Install the proxy, or name it by LITELLM.`)
})
let wrong = 0
try {
  await Promise.race([untilUp(url, child), failed])
  const server = { name: 'litellm', key: KEY }
  const speakers = {
    openai: createOpenaiProvider({ ...server, baseUrl: `${url}/v1` }, Date.now),
    // With the other protocol it chooses freely how it calls the server behind it, so only its own mocks are distinguished.
    anthropic: createAnthropicProvider({ ...server, baseUrl: url }, Date.now),
  }
  for (const [protocol, provider] of Object.entries(speakers))
    for (const { model, mock, expected } of CASES) {
      if (protocol === 'anthropic' && mock === undefined) continue
      const before = stub.callsOf(model).length
      const outcome = await outcomeOf(provider, model)
      const calls = stub.callsOf(model).length - before
      const isRight = outcome === expected && calls <= 1
      if (!isRight) wrong += 1
      console.log(
        `${isRight ? '✓' : '✗'} ${protocol} ${model}: ${outcome}${isRight ? '' : `, expected ${expected}`}, calls ${calls}`,
      )
    }
} finally {
  child.kill('SIGKILL')
  await stub.stop()
  await rm(folder, { recursive: true, force: true })
}
if (wrong > 0) process.exitCode = 1
