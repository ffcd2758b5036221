/** One message of the Model Context Protocol over HTTP: stateless, one JSON answer for each call. */
import {
  createMcpHandler,
  isLegacyRequest,
  ProtocolErrorCode,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { RequestError } from '../../core/domain/errors.ts'
import { readJson } from '../../hosts/http.ts'
import type { Caller } from './call-route.ts'
import { createServer, type McpSettings } from './server.ts'

/** The SDK refuses a client that does not take both; what comes is one JSON body in any case. */
const ACCEPT = 'application/json, text/event-stream'

export async function answerMessage(
  caller: Caller,
  settings: McpSettings,
  { text, headers }: { readonly text: string; readonly headers: Readonly<Record<string, string>> },
): Promise<{ readonly status: number; readonly contentType: string | undefined; readonly text: string }> {
  const refused = refusalOf(text)
  if (refused) return refused
  // Only the path of this address is ever looked at.
  const request = new Request('http://mcp.invalid/mcp', {
    method: 'POST',
    headers: { ...headers, accept: ACCEPT, 'content-type': 'application/json' },
    body: text,
  })
  const response = (await isLegacyRequest(request))
    ? await answerLegacy(caller, settings, request)
    : await createMcpHandler(() => createServer(caller, settings, true), {
        legacy: 'reject',
        // The answer is JSON as long as no tool tells anything before its end; asking for that is a warning in the log.
        // A subscription is a stream without an end: a function would be paid for as long as it is open.
        maxSubscriptions: 0,
      }).fetch(request)
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? undefined,
    text: withoutContent(await response.text()),
  }
}

/** What no body of the API may be no message may be: tools are called past the route that would refuse it. */
function refusalOf(text: string) {
  try {
    readJson(text)
    return undefined
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    const isParsed = error.code !== 'malformed_json'
    return {
      status: isParsed ? 200 : 400,
      contentType: 'application/json',
      text: JSON.stringify({
        jsonrpc: '2.0',
        id: isParsed ? idOf(text) : null,
        error: {
          code: isParsed ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.ParseError,
          message: error.message,
        },
      }),
    }
  }
}

function idOf(text: string): string | number | null {
  const { id } = (JSON.parse(text) ?? {}) as { readonly id?: unknown }
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

/** The SDK gives every result of a call some content; a task in place of a result has none. */
function withoutContent(text: string): string {
  if (!text.includes('"resultType":"task"')) return text
  const message = JSON.parse(text) as {
    readonly result?: { content?: unknown; readonly resultType?: string }
  }
  if (message.result?.resultType === 'task') delete message.result.content
  return JSON.stringify(message)
}

/** The revisions before 2026-07-28, without sessions: each call is answered as if it were the first. */
async function answerLegacy(caller: Caller, settings: McpSettings, request: Request): Promise<Response> {
  const server = createServer(caller, settings, false)
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  })
  await server.connect(transport)
  return transport.handleRequest(request)
}
