import * as z from 'zod'
import { API_BASE, ENV, LANES, ROUTES } from '../contract.ts'
import { type Door, readConfig } from '../hosts/lambda.ts'
import { manifest } from './manifest.ts'
import { listQuery } from './schemas/list.ts'
import * as operate from './schemas/operate.ts'
import { generalForm, seedForm } from './schemas/submit.ts'
import { healthSchema, problemSchema, taskSchema } from './schemas/task.ts'

type Json = Readonly<Record<string, unknown>>

const config = readConfig([ENV.serviceVersion])
let document: Json | undefined

/** GET /openapi.json — OpenAPI 3.1, built once from the schemas that check the requests. */
export const openApiDoor: Door = async ({ path }) => {
  document ??= describeApi(config.SERVICE_VERSION)
  // The stage's name stands before the base on API Gateway's own host, so the server's address is taken from the call.
  const server = { url: path.slice(0, path.indexOf(API_BASE) + API_BASE.length) }
  return { status: 200, body: { ...document, servers: [server] } }
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'input'): Json => {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json & {
    $schema?: string
  }
  return rest
}
const content = (schema: Json, examples?: Json) => ({
  'application/json': { schema, ...(examples ? { examples } : {}) },
})
const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'The body is not JSON.',
  403: 'No API key, or a wrong one (deployed stages).',
  404: 'No such task, or no such path.',
  405: 'The path takes other methods, see Allow.',
  409: 'The task’s state does not allow it.',
  413: 'The body is too large.',
  415: 'The body must be application/json.',
  422: 'A field is invalid, or an Idempotency-Key came with another body.',
  429: 'Too many requests, see Retry-After.',
  503: 'A backing service did not answer, see Retry-After.',
}
const problems = (...codes: readonly number[]) =>
  Object.fromEntries(
    [...codes, 403, 405, 429, 503].sort().map((code) => [
      String(code),
      {
        description: PROBLEMS[code],
        content: { 'application/problem+json': { schema: reference('Problem') } },
      },
    ]),
  )

const taskAnswer = (description: string) => ({ description, content: content(reference('Task')) })
const accepted = {
  ...taskAnswer('Accepted. The task, PENDING or SCHEDULED.'),
  headers: {
    Location: { schema: { type: 'string' }, description: 'Where the task is read.' },
    'Retry-After': { schema: { type: 'integer' }, description: 'Seconds after which a look is worth it.' },
    'Idempotent-Replayed': {
      schema: { type: 'string' },
      description: '"true" when the key had a task already.',
    },
  },
}
const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: content(schemaOf(schema, 'output')),
})
const lane = { name: 'lane', in: 'path', required: true, schema: { type: 'string', enum: LANES } }
const hours = {
  name: 'hours',
  in: 'query',
  description: 'How far to look back.',
  schema: { type: 'number', minimum: 0.1, maximum: 720, default: 24 },
}
const payloadAnswers = {
  200: { description: 'Up to 8 kB.', content: content({}) },
  303: {
    description: 'Larger ones are fetched from where they lie, within five minutes.',
    headers: { Location: { schema: { type: 'string' } } },
  },
  ...problems(404),
}
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same key and body give the same task, also when sent at the same time.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}
const traceparent = {
  name: 'traceparent',
  in: 'header',
  description: 'W3C Trace Context: the task’s log lines and model calls become part of this trace.',
  schema: { type: 'string', examples: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'] },
}

const typeExamples = () =>
  Object.fromEntries(
    manifest.map((type) => [
      type.name,
      { summary: type.summary, value: { type: type.name, input: type.examples[0] ?? {} } },
    ]),
  )

/** One entry per line of `ROUTES`; a test holds the two together. */
function operations(): Readonly<Record<string, Json>> {
  const query = schemaOf(listQuery) as { properties: Record<string, Json> }
  return {
    'POST /tasks': {
      summary: 'Submit a task',
      parameters: [idempotencyKey, traceparent],
      requestBody: {
        required: true,
        content: content(
          { anyOf: [reference('TextRequest'), reference('TaskRequest')] },
          {
            prompt: {
              summary: 'A prompt',
              value: { prompt: 'What is quantum computing?', model: 'gpt-3.5-turbo' },
            },
            ...typeExamples(),
          },
        ),
      },
      responses: { 202: accepted, ...problems(400, 413, 415, 422) },
    },
    'GET /tasks': {
      summary: 'List tasks, newest first',
      parameters: Object.entries(query.properties).map(([name, schema]) => ({ name, in: 'query', schema })),
      responses: {
        200: {
          description: 'One page.',
          content: content({
            type: 'object',
            required: ['tasks', 'next_cursor'],
            properties: {
              tasks: { type: 'array', items: reference('Task') },
              next_cursor: { type: ['string', 'null'], description: 'Null on the last page.' },
            },
          }),
        },
        ...problems(422),
      },
    },
    'GET /tasks/{id}': {
      summary: 'Read a task',
      parameters: [id, { name: 'If-None-Match', in: 'header', schema: { type: 'string' } }],
      responses: { 200: taskAnswer('The task.'), 304: { description: 'Unchanged.' }, ...problems(404) },
    },
    'GET /tasks/{id}/input': {
      summary: 'The input alone, whatever its size',
      parameters: [id],
      responses: payloadAnswers,
    },
    'GET /tasks/{id}/result': {
      summary: 'The result alone, whatever its size',
      parameters: [id],
      responses: payloadAnswers,
    },
    'GET /tasks/status/{id}': {
      summary: 'Read a task (the older path)',
      parameters: [id],
      responses: { 200: taskAnswer('The task.'), ...problems(404) },
    },
    'POST /tasks/{id}/cancel': {
      summary: 'Cancel an unfinished task',
      parameters: [id],
      responses: { 200: taskAnswer('The cancelled task.'), ...problems(404, 409) },
    },
    'POST /tasks/{id}/retry': {
      summary: 'Run a failed, cancelled or expired task again',
      parameters: [id],
      responses: { 200: taskAnswer('The task in its next epoch.'), ...problems(404, 409) },
    },
    'POST /tasks/example': {
      summary: 'Submit the demo task',
      parameters: [
        { name: 'name', in: 'query', schema: { type: 'string' } },
        { name: 'seconds', in: 'query', schema: { type: 'number' } },
        idempotencyKey,
        traceparent,
      ],
      responses: { 202: accepted, ...problems(422) },
    },
    'POST /tasks/add': {
      summary: 'Submit an addition',
      parameters: [idempotencyKey, traceparent],
      requestBody: { content: content(inputOf('example.add')) },
      responses: { 202: accepted, ...problems(400, 415, 422) },
    },
    'GET /tasks/{id}/explain': {
      summary: 'Why a task waits, and until when',
      parameters: [id],
      responses: { 200: answer('In words.', operate.explainAnswer), ...problems(404) },
    },
    'GET /queues': {
      summary: 'What waits in every lane',
      responses: { 200: answer('One entry per lane.', operate.queuesAnswer), ...problems() },
    },
    'POST /queues/{lane}/redrive': {
      summary: 'Run the failed tasks of a lane again',
      parameters: [lane],
      requestBody: {
        content: content(schemaOf(operate.redriveBody), {
          look: { summary: 'Look first', value: { dry_run: true } },
          some: {
            summary: 'One error, ten a second',
            value: { error_code: 'provider_unavailable', pace_per_second: 10 },
          },
        }),
      },
      responses: {
        200: answer('What fit and what was started.', operate.redriveAnswer),
        ...problems(400, 404, 415, 422),
      },
    },
    'POST /queues/{lane}/pause': {
      summary: 'Let a lane take no more work',
      parameters: [lane],
      responses: { 200: answer('The lane is paused.', operate.laneAnswer), ...problems(404) },
    },
    'POST /queues/{lane}/resume': {
      summary: 'Let a paused lane go on',
      parameters: [lane],
      responses: { 200: answer('The lane goes on.', operate.laneAnswer), ...problems(404) },
    },
    'GET /stats': {
      summary: 'Counts, success rate, waits and run times',
      parameters: [hours],
      responses: { 200: answer('Of the tasks created in that time.', operate.statsAnswer), ...problems(422) },
    },
    'GET /usage': {
      summary: 'Tokens and cost by model',
      parameters: [hours],
      responses: { 200: answer('Of the tasks created in that time.', operate.usageAnswer), ...problems(422) },
    },
    'GET /task-types': {
      summary: 'What can be submitted',
      responses: {
        200: {
          description: 'Name, lane and JSON Schemas of each type.',
          content: content({ type: 'object' }),
        },
        ...problems(),
      },
    },
    'GET /health': {
      summary: 'The front door stands',
      responses: { 200: { description: 'It does.', content: content(schemaOf(healthSchema, 'output')) } },
    },
    'GET /openapi.json': {
      summary: 'This document',
      responses: { 200: { description: 'OpenAPI 3.1.', content: content({ type: 'object' }) } },
    },
    'GET /docs': { summary: 'This document as a page', responses: { 200: { description: 'HTML.' } } },
    'GET /docs/{file}': {
      summary: 'Files of the page',
      parameters: [{ name: 'file', in: 'path', required: true, schema: { type: 'string' } }],
      responses: { 200: { description: 'A script or a style sheet.' }, ...problems(404) },
    },
  }
}

const inputOf = (name: string): Json => manifest.find((type) => type.name === name)?.input ?? {}

/** @returns the document without `servers`. */
export function describeApi(version: string): Json {
  const described = operations()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of ROUTES) {
    const isOpen = 'open' in route
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: {
        operationId: `${route.method.toLowerCase()}${route.path.replace(/[^a-z]+(\w)?/gi, (_, letter) => (letter ?? '').toUpperCase())}`,
        ...described[`${route.method} ${route.path}`],
        ...(isOpen ? {} : { security: [{ apiKey: [] }, {}] }),
      },
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Async AI Task Runner',
      version,
      description:
        'Submit slow AI work in milliseconds; it runs behind managed queues with retries, progress, cancel and a permanent record.',
    },
    paths,
    components: {
      securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
      schemas: {
        Task: schemaOf(taskSchema, 'output'),
        Problem: schemaOf(problemSchema, 'output'),
        TextRequest: schemaOf(seedForm),
        TaskRequest: schemaOf(generalForm),
      },
    },
  }
}
