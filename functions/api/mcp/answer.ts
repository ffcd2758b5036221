/** Answers one message of the Model Context Protocol over HTTP: stateless, with one JSON answer per call. */
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

/** The SDK refuses clients that do not accept both; the answer is always JSON. */
const ACCEPT = 'application/json, text/event-stream'

export async function answerMessage(
  caller: Caller,
  settings: McpSettings,
  { text, headers }: { readonly text: string; readonly headers: Readonly<Record<string, string>> },
): Promise<{ readonly status: number; readonly contentType: string | undefined; readonly text: string }> {
  const refused = refusalOf(text)
  if (refused) return refused
  // Only the path of this URL is used.
  const request = new Request('http://mcp.invalid/mcp', {
    method: 'POST',
    headers: { ...headers, accept: ACCEPT, 'content-type': 'application/json' },
    body: text,
  })
  const response = (await isLegacyRequest(request))
    ? await answerLegacy(caller, settings, request)
    : await createMcpHandler(() => createServer(caller, settings, true), {
        legacy: 'reject',
        // The answer is JSON as long as no tool sends messages before its end; asking for that would log a warning.
        // Subscriptions are off: each would be an endless stream, and a function is paid for as long as it is open.
        maxSubscriptions: 0,
      }).fetch(request)
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? undefined,
    text: corrected(await response.text()),
  }
}

/** Refuses messages that no route would accept as a body, because tools bypass the route's own check. */
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

interface Answer {
  readonly result?: { content?: unknown; readonly resultType?: string }
  readonly error?: { code: number; message: string }
}

/** Corrects what the SDK answers differently from the protocol. */
function corrected(text: string): string {
  if (!/"resultType":"task"|"error":\{/.test(text)) return text
  const answers = JSON.parse(text) as Answer | Answer[]
  for (const { result, error } of [answers].flat()) {
    // It adds content to every result of a call; a task instead of a result must have none.
    if (result?.resultType === 'task') delete result.content
    const issues = error && issuesIn(error.message)
    if (issues) Object.assign(error, { code: ProtocolErrorCode.InvalidParams, message: issues })
  }
  return JSON.stringify(answers)
}

/** Its message about wrong params is the validator's list as JSON, which most methods answer as an internal error. */
function issuesIn(message: string): string | undefined {
  const list = /^(?:Invalid \S+ request: )?(\[\s*\{[\s\S]*\])$/.exec(message)?.[1]
  if (list === undefined) return undefined
  const issues = JSON.parse(list) as readonly {
    readonly path: readonly unknown[]
    readonly message: string
  }[]
  const lines = issues.slice(0, 10).map(({ path: [first, ...rest], message }) => {
    const place = first === 'params' && rest.length > 0 ? rest : [first]
    return `${place.join('.')}: ${message}`
  })
  return `Invalid params: ${lines.join('; ')}`
}

/** Protocol revisions before 2026-07-28, without sessions: each call is answered like the first. */
async function answerLegacy(caller: Caller, settings: McpSettings, request: Request): Promise<Response> {
  const server = createServer(caller, settings, false)
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  })
  await server.connect(transport)
  return transport.handleRequest(request)
}
