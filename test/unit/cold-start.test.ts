import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BUNDLES, type BundleName, ENV, type EnvName, LANES } from '../../functions/contract.ts'
import { FUNCTION_ACCESS } from '../../lib/constructs/function-access.ts'

const root = resolve(import.meta.dirname, '../..')
const urls = JSON.stringify(Object.fromEntries(LANES.map((lane) => [lane, 'https://sqs.example.com/1/q'])))

/** A valid value of each setting. */
const VALUES: Readonly<Partial<Record<EnvName, string>>> = {
  [ENV.queueUrls]: urls,
  [ENV.deadLetterQueueUrls]: urls,
  [ENV.workflowQueueUrl]: 'https://sqs.example.com/1/w',
  [ENV.webhookQueueUrl]: 'https://sqs.example.com/1/h',
  [ENV.eventSourceIds]: '{}',
  [ENV.lane]: 'ai',
  [ENV.slots]: '10',
  [ENV.waitPlaces]: '10',
  [ENV.watchPlaces]: '10',
  [ENV.modelRoutes]: '{}',
  [ENV.retentionDays]: '7',
  [ENV.parameterPrefix]: '/taskrunner/test/',
  [ENV.showsPrompts]: 'false',
  [ENV.stageSchedules]: '[]',
}

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
})

// A global of Lambda's Node runtime; only the part that is used at a start.
vi.stubGlobal('awslambda', { streamifyResponse: <Handler>(handler: Handler): Handler => handler })

describe('a function that gets exactly the environment of the access table', () => {
  it.each(Object.keys(BUNDLES) as BundleName[])('%s starts', async (bundle) => {
    vi.resetModules()
    for (const name of Object.values(ENV)) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_REGION', 'eu-central-1')
    for (const name of FUNCTION_ACCESS[bundle].environment) vi.stubEnv(name, VALUES[name] ?? 'x')
    const { handler } = (await import(/* @vite-ignore */ join(root, BUNDLES[bundle])).catch(
      (cause: Error) => {
        throw new Error('add a valid value of a new setting to VALUES of this file', { cause })
      },
    )) as { readonly handler: unknown }
    expect(handler).toBeTypeOf('function')
  })
})
