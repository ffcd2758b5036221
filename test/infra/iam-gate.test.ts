import { describe, expect, it } from 'vitest'
import type { Call } from '../fixtures/iam/calls.ts'
import { allowing } from '../fixtures/iam/decide.ts'
import { templatesOf } from '../fixtures/templates.ts'
import { type Right, rightsByFunction } from './policy.ts'

const rights = rightsByFunction(templatesOf('prod').stateless.all)
const of = (name: string) => {
  const found = rights.get(name)
  if (!found) throw new Error(`There is no ${name}. There are: ${[...rights.keys()].join(', ')}`)
  return found
}
const none = { 'dynamodb:LeadingKeys': [], 'dynamodb:Attributes': [], 'dynamodb:ReturnValues': [] }
const call = (action: string, resource: string, context: Partial<Call['context']> = {}): Call => ({
  service: action.split(':')[0] ?? '',
  action,
  resources: [resource],
  context: { ...none, ...context } as Call['context'],
})
const may = (name: string, asked: Call) => allowing(of(name), asked) !== undefined

/** Every runtime of the tests runs behind this check (test/fixtures/running.ts); these tests show that it refuses calls. */
describe('the IAM check of the tests, with the roles of production', () => {
  const put = call('dynamodb:PutItem', 'TasksTable')

  it('allows what a role allows, and refuses it to every function without the right', () => {
    expect(may('WritesFunction', put)).toBe(true)
    expect(may('ReadsFunction', put)).toBe(false)
    const without = of('WritesFunction').filter(({ action }) => action !== 'dynamodb:PutItem')
    expect(allowing(without, put)).toBeUndefined()
  })

  it('compares every resource with the role: another lane, another index, another prefix', () => {
    expect(may('laneaiWorkerFunction', call('sqs:DeleteMessage', 'laneaiQueue'))).toBe(true)
    expect(may('laneaiWorkerFunction', call('sqs:DeleteMessage', 'laneurgentQueue'))).toBe(false)
    expect(may('ReadsFunction', call('dynamodb:Query', 'TasksTable/index/list'))).toBe(true)
    expect(may('FlowsFunction', call('dynamodb:Query', 'TasksTable/index/due'))).toBe(false)
    expect(may('ReadsFunction', call('s3:GetObject', 'PayloadsBucket/payload/t/1/input.json'))).toBe(true)
    expect(may('ReadsFunction', call('s3:GetObject', 'PayloadsBucket/other/1'))).toBe(false)
    expect(may('ReadsFunction', call('s3:ListBucket', 'PayloadsBucket'))).toBe(false)
    const both: Call = { ...call('sqs:SendMessage', 'laneaiQueue'), resources: ['laneaiQueue', 'elsewhere'] }
    expect(may('WritesFunction', both)).toBe(false)
  })

  it('checks conditions: one partition, a prefix of it, one attribute, the values that an update returns', () => {
    const update = (context: Partial<Call['context']>) => call('dynamodb:UpdateItem', 'TasksTable', context)
    expect(may('ReadsFunction', update({ 'dynamodb:LeadingKeys': ['WAITS'] }))).toBe(true)
    expect(may('ReadsFunction', update({ 'dynamodb:LeadingKeys': ['TASK#a#1'] }))).toBe(false)
    const keyed = of('AuthorizerFunction').find(({ action }) => action === 'dynamodb:GetItem')
    const prefix = /LeadingKeys is (.*)\*/.exec(keyed?.line ?? '')?.[1] ?? ''
    expect(prefix).not.toBe('')
    const get = (key: string) => call('dynamodb:GetItem', 'TasksTable', { 'dynamodb:LeadingKeys': [key] })
    expect(may('AuthorizerFunction', get(`${prefix}1`))).toBe(true)
    expect(may('AuthorizerFunction', get('TASK#a#1'))).toBe(false)
    const mark = { 'dynamodb:LeadingKeys': ['TASK#a#1'], 'dynamodb:Attributes': ['pk', 'sk', 'watchedUntil'] }
    expect(may('EventsFunction', update(mark))).toBe(true)
    expect(may('EventsFunction', update({ ...mark, 'dynamodb:ReturnValues': ['ALL_NEW'] }))).toBe(false)
    expect(may('EventsFunction', update({ ...mark, 'dynamodb:Attributes': ['pk', 'sk', 'status'] }))).toBe(
      false,
    )
  })

  it('fails on a request that it cannot check', () => {
    const [first] = of('ReadsFunction')
    const odd = (statement: object): Right[] => [
      {
        ...(first as Right),
        action: 'dynamodb:GetItem',
        resource: 'TasksTable',
        statement: { ...first?.statement, ...statement } as never,
      },
    ]
    const get = call('dynamodb:GetItem', 'TasksTable')
    expect(() =>
      allowing(odd({ Condition: { DateLessThan: { 'dynamodb:LeadingKeys': 'x' } } }), get),
    ).toThrow('DateLessThan')
    expect(() => allowing(odd({ Condition: { StringEquals: { 'aws:SourceVpc': 'x' } } }), get)).toThrow(
      'aws:SourceVpc',
    )
    expect(() => allowing(odd({ Effect: 'Deny' }), get)).toThrow('Deny')
  })
})
