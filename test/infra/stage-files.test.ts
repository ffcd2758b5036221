import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEYED_PROVIDERS } from '../../functions/contract/providers.ts'
import { inRegion } from '../../lib/stages/bedrock-region.ts'
import { dev } from '../../lib/stages/dev.ts'
import { loadStage, parseStage } from '../../lib/stages/load-stage.ts'
import { modelEnvironment, modelRoutes } from '../../lib/stages/model-routes.ts'
import { prod } from '../../lib/stages/prod.ts'
import { STAGE_NAMES } from '../../lib/stages/stage-schema.ts'

const root = resolve(import.meta.dirname, '../..')

interface Setting {
  readonly path: readonly string[]
  readonly key: string
}
/** Names that users choose freely cannot be misspelt and are left out. */
function settingsOf(value: object, path: readonly string[] = []): Setting[] {
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(path.includes('routes') ? [] : [{ path, key }]),
    ...(inner !== null && typeof inner === 'object' && !Array.isArray(inner) && key !== 'routes'
      ? settingsOf(inner, [...path, key])
      : []),
  ])
}

describe('stage files', () => {
  it.each(STAGE_NAMES)('%s is valid', (name) => {
    expect(loadStage(name).name).toBe(name)
  })

  it('an unknown setting fails with its path and the nearest valid name', () => {
    expect(() => parseStage('dev', { ...dev, retensionDays: 7 })).toThrow(
      'retensionDays: there is no such setting. Nearest: "retentionDays"',
    )
    const lanes = { ...dev.lanes, ai: { ...dev.lanes.ai, batchsize: 5 } }
    expect(() => parseStage('dev', { ...dev, lanes })).toThrow('lanes.ai.batchsize: there is no such setting')
  })

  it('any misspelt setting, at any depth, fails with its path and the valid name', () => {
    const places = settingsOf(dev)
    expect(places.length).toBeGreaterThan(40)
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.nat(), ({ path, key }, at) => {
        const misspelt = `${key.slice(0, at % key.length)}x${key.slice(at % key.length)}`
        const spoilt = structuredClone(dev) as Record<string, unknown>
        const place = path.reduce((value, step) => value[step] as Record<string, unknown>, spoilt)
        place[misspelt] = place[key]
        delete place[key]
        const named = [...path, misspelt].join('.')
        expect(() => parseStage('dev', spoilt)).toThrow(
          `${named}: there is no such setting. Nearest: "${key}"`,
        )
      }),
    )
  })

  it('a misspelt setting in a list also fails with its path and the valid name', () => {
    const server = { name: 'x', baseUrl: 'http://a', models: ['y'] }
    const spoilt = (changes: object) => ({
      ...dev,
      models: { ...dev.models, servers: [{ ...server, ...changes }] },
    })
    expect(() => parseStage('dev', spoilt({ dialect: { hasTires: true } }))).toThrow(
      'models.servers.0.dialect.hasTires: there is no such setting. Nearest: "hasTiers"',
    )
    expect(() => parseStage('dev', spoilt({ baseurl: 'x' }))).toThrow('Nearest: "baseUrl"')
  })

  it('metrics are in log lines of level INFO, so no higher level is accepted', () => {
    for (const level of ['WARN', 'ERROR'])
      expect(() => parseStage('dev', { ...dev, logs: { ...dev.logs, level } })).toThrow('logs.level')
  })

  it('a subscription to alarms must be a valid address of its kind', () => {
    const withOne = (protocol: string, endpoint: string) => ({
      ...dev,
      observability: {
        ...dev.observability,
        alarmSubscriptions: [{ severity: 'urgent', protocol, endpoint }],
      },
    })
    expect(() => parseStage('dev', withOne('email', 'ops@example.com'))).not.toThrow()
    expect(() => parseStage('dev', withOne('https', 'http://example.com/hook'))).toThrow('endpoint')
    expect(() => parseStage('dev', withOne('email', 'https://example.com'))).toThrow('endpoint')
  })

  it('Bedrock models get the inference profile of the deployment’s Region', () => {
    const idsIn = (region?: string) => inRegion(loadStage('prod'), region).models.bedrockModels
    expect(idsIn('eu-central-1')).toEqual(['eu.amazon.nova-micro-v1:0', 'eu.amazon.nova-lite-v1:0'])
    expect(idsIn('ap-south-1')[0]).toBe('apac.amazon.nova-micro-v1:0')
    expect(idsIn('us-gov-west-1')[0]).toBe('amazon.nova-micro-v1:0')
    expect(idsIn()[0]).toBe('us.amazon.nova-micro-v1:0')
    expect(() => idsIn('sa-east-1')).toThrow('no inference profile for sa-east-1')
    const fixed = { ...loadStage('prod'), region: 'eu-west-1' }
    expect(inRegion(fixed, 'us-east-1').models.bedrockModels[0]).toBe('eu.amazon.nova-micro-v1:0')
  })

  it('an unknown stage fails with the nearest one', () => {
    expect(() => loadStage('prd')).toThrow('Nearest: "prod"')
  })

  it.each([
    [{ ...dev, payloadExpiryDays: 8 }, 'payloadExpiryDays: must be above'],
    [
      { ...dev, lanes: { ...dev.lanes, ai: { ...dev.lanes.ai, visibilitySeconds: 10 } } },
      'visibilitySeconds',
    ],
    [{ ...dev, logs: { ...dev.logs, retentionDays: 8 } }, 'logs.retentionDays'],
    [{ ...dev, models: { ...dev.models, defaultModel: 'nobody' } }, 'fits no route'],
  ])('a setting out of bounds fails (%#)', (input, message) => {
    expect(() => parseStage('dev', input)).toThrow(message)
  })

  it('the simulated provider never answers in prod', () => {
    const models = { ...prod.models, providers: [...prod.models.providers, 'simulated' as const] }
    expect(() => parseStage('prod', { ...prod, models })).toThrow('must not be active in prod')
    expect(Object.values(loadStage('prod').models.routes)).not.toContain('simulated')
    expect(Object.values(loadStage('staging').models.routes)).not.toContain('simulated')
  })

  it('local asks OpenAI only when there is a key or a server', () => {
    expect(loadStage('local').models.routes['gpt-*']).toBe('simulated')
    expect(loadStage('local', { OPENAI_API_KEY: 'k' }).models.routes['gpt-*']).toBe('openai')
    expect(loadStage('local', { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' }).models.routes['gpt-*']).toBe(
      'openai',
    )
  })
})

describe('the CDK command line', () => {
  it('is pinned: a newer major version writes files that the library cannot read', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(devDependencies['aws-cdk']).toMatch(/^2\.1148\.\d+$/)
  })
})

describe('additional model servers', () => {
  const SERVERS = JSON.stringify([
    { name: 'ollama', baseUrl: 'http://localhost:11434/v1', models: ['llama*'], isKeyless: true },
    {
      name: 'my-azure',
      baseUrl: 'https://x.openai.azure.com',
      models: ['gpt-4o'],
      dialect: { hasStreamOptions: false },
    },
  ])

  it('say which of them get background calls, OpenAI itself included', () => {
    const servers = JSON.stringify([
      { name: 'gateway', baseUrl: 'https://x.example/v1', models: ['far-*'], background: ['far-*'] },
    ])
    const stage = loadStage('local', { OPENAI_BACKGROUND: 'o3*, gpt-5-pro', MODEL_SERVERS: servers })
    expect(JSON.parse(modelEnvironment(stage).MODEL_SERVERS ?? '')).toEqual({
      openai: { speaks: 'openai', background: ['o3*', 'gpt-5-pro'] },
      gateway: { speaks: 'openai', baseUrl: 'https://x.example/v1', background: ['far-*'] },
    })
    const wrong = servers.replace('"name"', '"speaks":"anthropic","name"')
    expect(() => loadStage('local', { MODEL_SERVERS: wrong })).toThrow(/background.*speak "openai"/)
  })

  it('are recorded, OpenAI and Anthropic too, where the stage says so', () => {
    const stage = loadStage('local', {
      RECORD_ANSWERS: 'true',
      OPENAI_BASE_URL: 'http://localhost:1/v1',
      MODEL_SERVERS: SERVERS,
    })
    const servers: Record<string, { isRecorded?: boolean }> = JSON.parse(
      modelEnvironment(stage).MODEL_SERVERS ?? '',
    )
    expect(
      Object.entries(servers)
        .map(([name, { isRecorded }]) => `${name} ${isRecorded}`)
        .sort(),
    ).toEqual([...KEYED_PROVIDERS, 'ollama', 'my-azure'].map((name) => `${name} true`).sort())
    expect(servers.openai).toMatchObject({ baseUrl: 'http://localhost:1/v1' })
  })

  it('are used in addition to OpenAI, each with its own models', () => {
    const stage = loadStage('local', { OPENAI_API_KEY: 'k', MODEL_SERVERS: SERVERS })
    expect(modelRoutes(stage)).toMatchObject({ 'llama*': 'ollama', 'gpt-4o': 'my-azure', 'gpt-*': 'openai' })
    expect(JSON.parse(modelEnvironment(stage).MODEL_SERVERS ?? '')).toEqual({
      ollama: { speaks: 'openai', baseUrl: 'http://localhost:11434/v1', isKeyless: true },
      'my-azure': {
        speaks: 'openai',
        baseUrl: 'https://x.openai.azure.com',
        dialect: { hasStreamOptions: false },
      },
    })
  })

  it('the environment’s proxy variables are set in the workers', () => {
    const stage = loadStage('local', { https_proxy: 'http://proxy:3128', NO_PROXY: 'localhost' })
    expect(modelEnvironment(stage)).toEqual({ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'localhost' })
  })

  it.each([
    [{ OPENAI_BASE_URL: 'localhost:11434/v1' }, 'http:// or https://'],
    [
      { OPENAI_API_KEY: 'sk-abc\u200bdef' },
      'OPENAI_API_KEY has a character that no key has, an invisible one perhaps, at place 7',
    ],
    [{ OPENAI_BASE_URL: 'http://x.example/v1\u200b' }, 'invisible one perhaps, at place 20'],
    [{ HTTPS_PROXY: 'http://pro\u00adxy:3128' }, 'invisible one perhaps, at place 11'],
    [
      { MODEL_SERVERS: '[{"name": "my-x", "baseUrl": "http://x", "models": ["a"]}]', MY_X_API_KEY: '“k”' },
      'MY_X_API_KEY has a character that no key has, an invisible one perhaps, at place 1',
    ],
    [
      {
        MODEL_SERVERS:
          '[{"name": "x", "baseUrl": "http://x", "models": ["a*"]}, {"name": "y", "baseUrl": "http://y", "models": ["a*"]}]',
      },
      '"a*" goes to two of them',
    ],
    [{ MODEL_SERVERS: '{"name": "x"}' }, 'models.servers'],
    [{ MODEL_SERVERS: '{' }, 'MODEL_SERVERS is no JSON'],
    [
      { MODEL_SERVERS: '[{"name": "openai", "baseUrl": "http://x", "models": ["a"]}]' },
      'is the name of a provider',
    ],
    [{ MODEL_SERVERS: '[{"name": "x", "baseUrl": "ollama:11434", "models": ["a"]}]' }, 'http:// or https://'],
  ])('%j is refused at the start, with the place', (environment, message) => {
    expect(() => loadStage('local', environment)).toThrow(message)
  })
})
