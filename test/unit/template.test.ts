// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub has its own templates.
import { describe, expect, it, vi } from 'vitest'
import { Routes } from '../../lib/local/emulator/gateway/routes.ts'
import { startTicker } from '../../lib/local/emulator/lambda/timer.ts'
import type { Assembly, Template } from '../../lib/local/emulator/template/assembly.ts'
import { resolveValue, type Scope } from '../../lib/local/emulator/template/intrinsics.ts'
import { planAssembly } from '../../lib/local/emulator/template/plan.ts'

const scope: Scope = {
  place: { region: 'eu-central-1', accountId: '000000000000' },
  ref: (id) => `ref-${id}`,
  attribute: (id, name) => `${id}-${name}`,
  imported: (name) => `imported-${name}`,
  output: (stack, name) => `${stack}/${name}`,
}

describe('intrinsic functions', () => {
  it.each([
    [{ Ref: 'Queue' }, 'ref-Queue'],
    [{ Ref: 'AWS::Region' }, 'eu-central-1'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'Queue-Arn'],
    [{ 'Fn::GetAtt': 'Queue.Nested.Arn' }, 'Queue-Nested.Arn'],
    [{ 'Fn::Join': [':', ['a', { Ref: 'B' }]] }, 'a:ref-B'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
    [{ 'Fn::ImportValue': 'x' }, 'imported-x'],
    [{ 'Fn::GetStackOutput': { StackName: 'one', OutputName: 'x' } }, 'one/x'],
    [{ 'Fn::Sub': 'a-${AWS::AccountId}-${Queue.Arn}-${!literal}' }, 'a-000000000000-Queue-Arn-${literal}'],
    [{ 'Fn::Sub': ['${own}', { own: { Ref: 'B' } }] }, 'ref-B'],
    [{ plain: [1, true, null, { Ref: 'B' }] }, { plain: [1, true, null, 'ref-B'] }],
  ])('%j', (value, expected) => {
    expect(resolveValue(value, scope)).toEqual(expected)
  })

  it('an unknown function is named in the error', () => {
    expect(() => resolveValue({ 'Fn::Cidr': [] }, scope)).toThrow('Fn::Cidr is not known')
  })
})

const assembly = (Resources: Template['Resources']): Assembly => ({
  stacks: [{ stackName: 'Test', template: { Resources } }],
  assets: new Map(),
})
const plan = (Resources: Template['Resources']) =>
  planAssembly(assembly(Resources), { ...scope.place, sqsEndpoint: 'http://127.0.0.1:1' })

describe('the error for what the local runtime does not support names it', () => {
  it('a resource type', () => {
    expect(() => plan({ Bus: { Type: 'AWS::Events::EventBus' } })).toThrow(
      'Test: Bus is a AWS::Events::EventBus, which the local runtime does not know.',
    )
  })

  it('a property', () => {
    expect(() => plan({ Queue: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } } })).toThrow(
      'Test: Queue (AWS::SQS::Queue) sets FifoQueue',
    )
  })

  it('an attribute', () => {
    const broken = { 'Fn::GetAtt': ['Queue', 'Colour'] }
    expect(() => plan({ Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: broken } } })).toThrow(
      'Test: Queue (AWS::SQS::Queue): Fn::GetAtt Queue.Colour is not known',
    )
  })

  it('a schedule that is neither a rate nor a cron', () => {
    const nextOf = (expression: string, zone = 'UTC') => {
      const ticker = startTicker(expression, zone, () => undefined)
      const next = new Date(ticker.nextAt())
      ticker.stop()
      return next
    }
    vi.useFakeTimers({ now: Date.parse('2030-01-01T12:00:00Z') })
    try {
      expect(nextOf('rate(5 minutes)').toISOString()).toBe('2030-01-01T12:05:00.000Z')
    } finally {
      vi.useRealTimers()
    }
    expect(nextOf('cron(0 2 * * ? *)').getUTCHours()).toBe(2)
    expect(nextOf('cron(30 2 * * ? *)', 'Asia/Kolkata').toISOString()).toMatch(/T21:00:00.000Z$/)
    expect(nextOf('cron(0 12 ? * 2 *)').getUTCDay()).toBe(1)
    expect(() => nextOf('at(2030-01-01T00:00:00)')).toThrow('is not known to the local runtime')
  })
})

describe('routes', () => {
  const method = (path: string, verb: string, functionName: string) => ({
    path,
    method: verb,
    functionName,
    isStreamed: false,
    timeoutMs: 29_000,
  })
  const routes = new Routes({
    name: 'api',
    stageName: 'live',
    answers: {},
    methods: [
      method('/tasks', 'POST', 'submit'),
      method('/tasks/{id}', 'GET', 'get'),
      method('/tasks/add', 'POST', 'add'),
      method('/tasks/add', 'ANY', 'other'),
      method('/tasks/{id}', 'ANY', 'other'),
      method('/{proxy+}', 'ANY', 'other'),
    ],
  })

  it.each([
    ['POST', '/tasks', { method: { functionName: 'submit' }, resource: '/tasks' }],
    ['GET', '/tasks/7', { method: { functionName: 'get' }, parameters: { id: '7' } }],
    ['GET', '/tasks/a%2Fb', { method: { functionName: 'get' }, parameters: { id: 'a/b' } }],
    ['GET', '/tasks/%zz', { method: { functionName: 'get' }, parameters: { id: '%zz' } }],
    ['POST', '/tasks/add', { method: { functionName: 'add' }, parameters: {} }],
    ['GET', '/tasks/add', { method: { functionName: 'other' }, resource: '/tasks/add' }],
    ['GET', '/a/b', { method: { functionName: 'other' }, parameters: { proxy: 'a/b' } }],
  ])('%s %s', (verb, path, expected) => {
    expect(routes.find(verb, path)).toMatchObject(expected)
  })

  it('there is none for a path that the API does not have', () => {
    expect(routes.find('GET', '/')).toBeUndefined()
  })
})
