/** Creates the OpenAPI document with zod-openapi from the schemas that validate requests. */
import * as z from 'zod'
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import type { AnswerShape, AnyRoute } from '../functions/api/define-route.ts'
import { pascal } from '../functions/api/schemas/submit.ts'
import { problemSchema, taskSchema } from '../functions/api/schemas/task.ts'
import type { TaskDefinition } from '../functions/core/kit/define-task.ts'
import { INVALID_EXAMPLE, TASK_EXAMPLES } from './api-examples.ts'
import type { FoundRoute } from './generate-routes.ts'

const PROBLEMS = {
  400: ['MalformedRequest', 'The body is not JSON in UTF-8, or nested too deep.'],
  401: ['Unauthorized', 'No key, or an unknown one (deployed stages).'],
  402: ['BudgetExhausted', 'The task may cost more than its tenant’s budget has left; see the field budget.'],
  403: ['Forbidden', 'The key does not have the scope (deployed stages).'],
  404: ['NotFound', 'It does not exist.'],
  409: ['WrongState', 'The task’s state does not allow it.'],
  413: ['TooLarge', 'The body is too large.'],
  415: ['UnsupportedMediaType', 'The body must be application/json.'],
  422: [
    'InvalidRequest',
    'One or more fields are wrong; each error has the path, the rule and the solution.',
  ],
  429: ['TooManyRequests', 'Requests come faster than allowed, see Retry-After.'],
  431: ['HeadersTooLarge', 'There are more than 100 header fields, or they are longer than 10 kB.'],
  503: ['Unavailable', 'A backing service did not answer, see Retry-After.'],
} as const
type ProblemStatus = keyof typeof PROBLEMS

const problemAnswers: Readonly<Record<string, ZodOpenApiResponseObject>> = Object.fromEntries(
  Object.entries(PROBLEMS).map(([status, [id, description]]) => [
    status,
    {
      id,
      description,
      content: {
        'application/problem+json': {
          schema: problemSchema,
          ...(status === '422' ? { example: INVALID_EXAMPLE } : {}),
        },
      },
    },
  ]),
)

const SUBJECTS: Readonly<Record<string, string>> = {
  tasks: 'Submit tasks, read them, cancel them, run them again.',
  uploads: 'Files, uploaded straight to storage instead of through the API.',
  workflows: 'Chains, groups, chords and graphs of tasks.',
  schedules: 'Tasks that run by cron, at a rate or once at a set time.',
  webhooks: 'HTTP endpoints that receive the events of tasks.',
  usage: 'Counts, durations, tokens and cost.',
  limits: 'Limits of a tenant, and how much of each is used.',
  queues: 'Waiting tasks per lane; for operators.',
  circuits: 'Models whose calls are paused because they keep failing; for operators.',
  mcp: 'The API as tools for agents, by the Model Context Protocol.',
  keys: 'API keys and their scopes; for administrators.',
  audit: 'Audit log: who changed what; for administrators.',
  data: 'Deletion of tasks’ content and of whole tenants.',
  service: 'Version and health of the API.',
}

/** Short paths first, and POST before the other methods of a path. */
function byReading({ route: one }: FoundRoute, { route: other }: FoundRoute): number {
  const depth = (path: string) => path.split('/').length
  const rank = (method: string) => Number(method !== 'POST')
  return depth(one.path) - depth(other.path) || rank(one.method) - rank(other.method)
}

/** @returns the document without `servers` and the version, which are known only when it is served. */
export function describeApi(routes: readonly FoundRoute[], types: readonly TaskDefinition[]): unknown {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const found of routes.toSorted(byReading)) {
    const { method, path } = found.route
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(found) }
  }
  // In the order of SUBJECTS; a folder without a description comes last.
  const used = new Set(routes.map(({ subject }) => subject))
  const subjects = [...new Set([...Object.keys(SUBJECTS), ...[...used].sort()])].filter((name) =>
    used.has(name),
  )
  const document = createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Async AI Task Runner',
        version: '0.0.0',
        description:
          'Submit slow AI work in milliseconds; it runs behind managed queues with retries, progress, cancel and a permanent record.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      security: [{ apiKey: [] }, {}],
      tags: subjects.map((name) => ({ name, ...(SUBJECTS[name] ? { description: SUBJECTS[name] } : {}) })),
      paths: paths as ZodOpenApiPathsObject,
      components: {
        securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
        schemas: Object.fromEntries(types.map(({ name, output }) => [`${pascal(name)}Result`, output])),
      },
    },
    {
      override: ({ jsonSchema, io }) => {
        // Code generators treat a field with a default as required.
        if (io === 'input' && jsonSchema.default !== undefined) {
          const text = `Default: ${JSON.stringify(jsonSchema.default)}.`
          jsonSchema.description = [jsonSchema.description, text].filter(Boolean).join(' ')
          delete jsonSchema.default
        }
        // Zod's limits for safe integers, and its pattern for dates, are of no use to readers.
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
        if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      },
      allowEmptySchema: { unknown: true, any: true, custom: true, transform: true },
    },
  )
  const task = document.components?.schemas?.Task as { properties: { result: object } }
  // `{}` allows results of types that this version does not have.
  const results = types.map((type) => ({ $ref: `#/components/schemas/${pascal(type.name)}Result` }))
  task.properties.result = { ...task.properties.result, anyOf: [...results, {}] }
  return document
}

function operationOf({ name, subject, route }: FoundRoute): ZodOpenApiOperationObject {
  const { summary, description, params, query, headers, body, scope } = route
  return {
    operationId: name,
    tags: [subject],
    summary,
    ...(description ? { description } : {}),
    ...(scope === 'open' ? { security: [] } : {}),
    requestParams: {
      ...(params ? { path: params } : {}),
      ...(query ? { query } : {}),
      ...(headers ? { header: headers } : {}),
    },
    ...(body
      ? {
          requestBody: {
            required: body.isOptional !== true,
            content: {
              'application/json': {
                schema: typeof body.schema === 'function' ? body.schema() : body.schema,
                ...(body.examples ? { examples: body.examples } : {}),
              },
            },
          },
        }
      : {}),
    // A route's own description of an answer takes precedence.
    responses: { ...refusalsOf(route), ...Object.fromEntries(Object.entries(route.answers).map(toAnswer)) },
  }
}

const toAnswer = ([status, answer]: [string, AnswerShape]) => {
  const { description, schema, mediaType, textAs, headers } = answer
  const examples =
    answer.examples ?? (schema === taskSchema ? TASK_EXAMPLES[Number(status) as 200] : undefined)
  const type = mediaType ?? (schema ? 'application/json' : undefined)
  return [
    status,
    {
      description,
      ...(headers
        ? {
            headers: Object.fromEntries(
              Object.entries(headers).map(([header, text]) => [
                header,
                { description: text, schema: { type: 'string' } },
              ]),
            ),
          }
        : {}),
      ...(type
        ? {
            content: {
              ...(textAs ? { [textAs]: { schema: z.string() } } : {}),
              [type]: {
                // Tools disagree whether the schema of a stream is the text or each of its events, so it is left out.
                ...(type === 'text/event-stream' ? {} : { schema: schema ?? z.string() }),
                ...(examples
                  ? {
                      examples: Object.fromEntries(
                        Object.entries(examples).map(([key, value]) => [key, { value }]),
                      ),
                    }
                  : {}),
              },
            },
          }
        : {}),
    },
  ]
}

/** Every route refuses unknown query fields; other refusals follow from its declaration. */
function refusalsOf({ problems = [], body, scope }: AnyRoute): ZodOpenApiResponsesObject {
  const statuses: ProblemStatus[] = [
    ...problems,
    ...(body ? ([400, 413, 415] as const) : []),
    ...(scope === 'open' ? [] : ([401, 403] as const)),
    422,
    429,
    431,
    503,
  ]
  return Object.fromEntries(
    statuses.map((status) => [String(status), problemAnswers[status]]),
  ) as ZodOpenApiResponsesObject
}
