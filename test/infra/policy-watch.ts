/** Who hears of what stands still, and what a caller reads when the gateway refuses it, as checks over the resources of a stage. */
import type { Resource, Resources } from '../fixtures/templates.ts'
import type { Templates } from './policy.ts'

type Check = (templates: Templates) => readonly string[]

const ofType = (resources: Resources, type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(resources).filter(([, { Type }]) => Type === type)
const plain = (id: string) => id.replace(/Function[0-9A-F]{8}$/, '')

/** The function behind a reference to its alias. */
function functionBehind(resources: Resources, reference: unknown): string | undefined {
  for (const [, id = ''] of JSON.stringify(reference ?? '').matchAll(/"(\w+)"/g)) {
    if (resources[id]?.Type === 'AWS::Lambda::Function') return id
    if (resources[id]?.Type === 'AWS::Lambda::Alias')
      return functionBehind(resources, resources[id].Properties)
  }
  return undefined
}

/** Functions that a queue or a clock calls: no caller sees it when they fail. */
const unseen = (stateless: Resources): readonly string[] => {
  const called = [
    ...ofType(stateless, 'AWS::Lambda::EventSourceMapping').map(
      ([, { Properties }]) => Properties.FunctionName,
    ),
    ...ofType(stateless, 'AWS::Scheduler::Schedule').map(([, { Properties }]) => Properties.Target),
  ].map((reference) => functionBehind(stateless, reference))
  return [...new Set(called)].filter((id): id is string => id !== undefined)
}

/**
 * A lane's trouble is seen in the ages of its tasks. Of what else a queue or a clock calls, failed invocations are the only sign: an
 * advancer that does not load leaves every workflow where it is, and its messages need two days to their dead-letter queue.
 */
export const background: Check = ({ stateless, observability }) => {
  const [, alarm] =
    ofType(observability, 'AWS::CloudWatch::Alarm').find(([id]) => id.includes('BackgroundErrors')) ?? []
  const text = JSON.stringify(alarm?.Properties.Metrics ?? [])
  return unseen(stateless)
    .filter((id) => !id.startsWith('lane'))
    .filter((id) => !text.includes(plain(id)) || !text.includes('"MetricName":"Errors"'))
    .map((id) => `nobody hears when ${id} fails`)
}

/** Each part of the sweeper has its own clock, and its own shards: one that stands still must ring while the others run. */
export const parts: Check = ({ stateless, observability }) => {
  const schedules = ofType(stateless, 'AWS::Scheduler::Schedule').filter(([, { Properties }]) =>
    functionBehind(stateless, Properties.Target)?.startsWith('Sweeper'),
  )
  const [, alarm] =
    ofType(observability, 'AWS::CloudWatch::Alarm').find(([id]) => id.includes('SweeperSilent')) ?? []
  const { Period, Threshold, ComparisonOperator, TreatMissingData, EvaluationPeriods, DatapointsToAlarm } =
    alarm?.Properties ?? {}
  const minutes = /rate\((\d+) minute/.exec(String(schedules[0]?.[1].Properties.ScheduleExpression))?.[1]
  const rounds = Number(Period) / 60 / Number(minutes)
  const rings = ComparisonOperator === 'LessThanThreshold' && TreatMissingData === 'breaching'
  // What is counted when one of them has stopped, and when all are there.
  const [oneGone, all] = [rounds * (schedules.length - 1), rounds * schedules.length]
  // Each may have one round too late for its period, but not in every period.
  const isPatient = Number(EvaluationPeriods) > schedules.length && DatapointsToAlarm === undefined
  return rings && isPatient && oneGone < Number(Threshold) && all >= Number(Threshold)
    ? []
    : [`${schedules.length} sweepers, and the alarm rings below ${Threshold} of ${all} rounds`]
}

/** docs.aws.amazon.com/apigateway, "Gateway response types": a fallback that states a status gives it to all that have no answer of their own. */
const TYPES = [
  'ACCESS_DENIED',
  'AUTHORIZER_FAILURE',
  'BAD_REQUEST_BODY',
  'BAD_REQUEST_PARAMETERS',
  'EXPIRED_TOKEN',
  'INTEGRATION_FAILURE',
  'INTEGRATION_TIMEOUT',
  'INVALID_API_KEY',
  'INVALID_SIGNATURE',
  'MISSING_AUTHENTICATION_TOKEN',
  'QUOTA_EXCEEDED',
  'REQUEST_TOO_LARGE',
  'RESOURCE_NOT_FOUND',
  'THROTTLED',
  'UNAUTHORIZED',
  'UNSUPPORTED_MEDIA_TYPE',
  'WAF_FILTERED',
]
const STATUS: Readonly<Record<string, string>> = {
  ACCESS_DENIED: '403',
  EXPIRED_TOKEN: '403',
  INVALID_SIGNATURE: '403',
  INVALID_API_KEY: '403',
  THROTTLED: '429',
  UNAUTHORIZED: '401',
}
export const answers: Check = ({ stateless }) => {
  const given = new Map(
    ofType(stateless, 'AWS::ApiGateway::GatewayResponse').map(([, { Properties }]) => [
      String(Properties.ResponseType),
      String(Properties.StatusCode),
    ]),
  )
  return [
    ...TYPES.filter((type) => !given.has(type)).map((type) => `${type} has the fallback’s status`),
    ...Object.entries(STATUS)
      .filter(([type, status]) => given.has(type) && given.get(type) !== status)
      .map(([type]) => `${type} is answered with ${given.get(type)}`),
  ]
}

/** Every function that says something about a task is asked by the query that follows one through all its steps. */
export const trail: Check = ({ stateless, observability }) => {
  const [, query] =
    ofType(observability, 'AWS::Logs::QueryDefinition').find(([id]) => id.includes('oneTask')) ?? []
  const asked = JSON.stringify(query?.Properties.LogGroupNames ?? [])
  return unseen(stateless)
    .map(plain)
    .filter((id) => !asked.includes(`${id}Log`))
    .map((id) => `the log of ${id} is not asked for the steps of a task`)
}
