import * as z from 'zod'
import { ENV } from '../../../contract.ts'
import { clock, openDynamo, readConfig } from '../../../hosts/lambda.ts'
import { openRequestLimit } from '../../../hosts/requests.ts'
import { defineRoute } from '../../define-route.ts'
import { answerMessage } from '../../mcp/answer.ts'
import { callHeaders, readMessage } from '../../mcp/message.ts'
import { requestsIn } from '../../mcp/tools.ts'

const message = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number(), z.null()]).optional(),
  })
  .meta({ id: 'McpMessage' })

const answer = { schema: message } as const

export const callMcpRoute = defineRoute({
  method: 'POST',
  path: '/mcp',
  function: 'api-mcp',
  scope: 'tasks:read',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Call a tool by the Model Context Protocol',
  description:
    'Stateless Streamable HTTP, revision 2026-07-28 and those before it. Every task type is a tool. Each tool needs the scope of its route.',
  headers: callHeaders,
  body: {
    schema: message,
    isText: true,
    parse: readMessage,
    examples: { list: { summary: 'List the tools', value: { jsonrpc: '2.0', id: 1, method: 'tools/list' } } },
  },
  answers: {
    200: { description: 'The answer to the message.', ...answer },
    202: { description: 'A message without an answer was accepted.' },
    400: { description: 'The message is not JSON, or not of this protocol.', ...answer },
    404: { description: 'There is no such method.', ...answer },
  },
  needs: () => {
    const { RETENTION_DAYS, SERVICE_VERSION } = readConfig([ENV.retentionDays, ENV.serviceVersion])
    return {
      version: SERVICE_VERSION,
      retentionDays: RETENTION_DAYS,
      now: clock.now,
      count: openRequestLimit(openDynamo),
    }
  },
  handle: async ({ principal, base, receivedAt, headers, body }, needs) => {
    const { 'Idempotency-Key': idempotencyKey, traceparent, ...rest } = headers
    for (let calls = requestsIn(body); calls > 0; calls -= 1) await needs.count(principal.tenant)
    const caller = { principal, base, receivedAt, idempotencyKey, traceparent }
    const given = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const { status, contentType, text } = await answerMessage(caller, needs, {
      text: body,
      headers: Object.fromEntries(given),
    })
    return {
      // Any status of the SDK; the OpenAPI document lists those that occur.
      status: status as 200,
      headers: contentType === undefined ? {} : { 'content-type': contentType },
      text,
    }
  },
})
