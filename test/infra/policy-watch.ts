/**
 * Who is notified of parts that stop, and what a caller reads when the gateway refuses a request, as checks over the resources
 * of a stage.
 */
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

/** Functions that a queue or a timer invokes: no caller sees their failures. */
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
 * The ages of its tasks show problems of a lane. For the other functions that a queue or a timer invokes, failed invocations
 * are the only sign: when the function that advances workflows does not load, every workflow stops, and its messages need two
 * days to reach their dead-letter queue.
 */
export const background: Check = ({ stateless, observability }) => {
  const [, alarm] =
    ofType(observability, 'AWS::CloudWatch::Alarm').find(([id]) => id.includes('BackgroundErrors')) ?? []
  const text = JSON.stringify(alarm?.Properties.Metrics ?? [])
  return unseen(stateless)
    .filter((id) => !id.startsWith('lane'))
    .filter((id) => !text.includes(plain(id)) || !text.includes('"MetricName":"Errors"'))
    .map((id) => `no alarm reads the errors of ${id}`)
}

/** Each sweeper has its own timer and its own shards: one that stops must raise the alarm while the others run. */
export const parts: Check = ({ stateless, observability }) => {
  const schedules = ofType(stateless, 'AWS::Scheduler::Schedule').filter(([, { Properties }]) =>
    functionBehind(stateless, Properties.Target)?.startsWith('Sweeper'),
  )
  const [, alarm] =
    ofType(observability, 'AWS::CloudWatch::Alarm').find(([id]) => id.includes('SweeperSilent')) ?? []
  const { Period, Threshold, ComparisonOperator, TreatMissingData, EvaluationPeriods, DatapointsToAlarm } =
    alarm?.Properties ?? {}
  const minutes = /rate\((\d+) minute/.exec(String(schedules[0]?.[1].Properties.ScheduleExpression))?.[1]
  const runs = Number(Period) / 60 / Number(minutes)
  const isAlarmOnSilence = ComparisonOperator === 'LessThanThreshold' && TreatMissingData === 'breaching'
  // The count when one of them has stopped, and when all of them run.
  const [oneGone, all] = [runs * (schedules.length - 1), runs * schedules.length]
  // Each may have one run that counts in the next period, but not in every period.
  const isPatient = Number(EvaluationPeriods) > schedules.length && DatapointsToAlarm === undefined
  return isAlarmOnSilence && isPatient && oneGone < Number(Threshold) && all >= Number(Threshold)
    ? []
    : [`${schedules.length} sweepers, and the alarm starts below ${Threshold} of ${all} runs`]
}

/**
 * docs.aws.amazon.com/apigateway, "Gateway response types": a default response with a status sets it for all responses that are
 * not defined themselves.
 */
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
    ...TYPES.filter((type) => !given.has(type)).map(
      (type) => `${type} has the status of the default response`,
    ),
    ...Object.entries(STATUS)
      .filter(([type, status]) => given.has(type) && given.get(type) !== status)
      .map(([type]) => `${type} is answered with ${given.get(type)}`),
  ]
}

/** The query that follows a task through all its steps reads the logs of every function that logs about tasks. */
export const trail: Check = ({ stateless, observability }) => {
  const [, query] =
    ofType(observability, 'AWS::Logs::QueryDefinition').find(([id]) => id.includes('oneTask')) ?? []
  const asked = JSON.stringify(query?.Properties.LogGroupNames ?? [])
  return unseen(stateless)
    .map(plain)
    .filter((id) => !asked.includes(`${id}Log`))
    .map((id) => `the log of ${id} is not asked for the steps of a task`)
}
