import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { keyHeaders } from '../../lib/client/transport.ts'
import type { Target } from '../cli/profile.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

type Message = Readonly<Record<string, unknown>> & {
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

const PROTOCOL = 'io.modelcontextprotocol/protocolVersion'
/** Longer than the stage's wait for a task and the gateway's timeout. */
const TIMEOUT_MS = 35_000
const INTERNAL_ERROR = -32_603
const PARSE_ERROR = -32_700

/** `mcp`: an MCP server over stdio, for agents that start a program. It forwards every message to the stage's `/mcp`. */
export const addMcp: AddCommand = (program) => {
  program
    .command('mcp')
    .description('serve agents over stdio (Model Context Protocol), using the stage')
    .action(async (_options, command) => {
      const { target } = await openSession(command)
      await relay(process.stdin, (line) => void process.stdout.write(`${line}\n`), target)
    })
}

type Stage = Pick<Target, 'base' | 'key'> & Partial<Pick<Target, 'gatewayKey'>>

/** Runs until the input ends and all requests are answered. */
export async function relay(input: Readable, write: (line: string) => void, target: Stage): Promise<void> {
  const running = new Map<unknown, AbortController>()
  const open = new Set<Promise<void>>()
  /** Protocol version of the handshake; later revisions state theirs in each message. */
  let agreed: string | undefined
  const send = async (text: string, message: Message): Promise<void> => {
    const stop = new AbortController()
    running.set(message.id, stop)
    const answer = await post(target, text, headersOf(message, agreed), stop.signal)
      .catch((cause: Error) => (stop.signal.aborted ? '' : failureOf(message, reasonOf(cause, target.base))))
      .finally(() => running.delete(message.id))
    if (message.method === 'initialize') agreed = revisionOf(answer)
    // Notifications and cancelled requests have no answer.
    if (answer !== '' && message.id !== undefined) write(answer)
  }
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    const message = parse(line)
    if (message === undefined) {
      write(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: PARSE_ERROR, message: 'No JSON.' } }))
      continue
    }
    // Over HTTP a call is cancelled by closing its connection.
    if (message.method === 'notifications/cancelled') running.get(message.params?.requestId)?.abort()
    const sent = send(line, message).finally(() => open.delete(sent))
    open.add(sent)
    // Later messages depend on the version that the handshake agrees on.
    if (message.method === 'initialize') await sent
  }
  await Promise.all(open)
}

async function post(
  { base, ...keys }: Stage,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const response = await fetch(`${base}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...keyHeaders(keys),
      ...headers,
    },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  const text = await response.text()
  const answer = text === '' ? {} : parse(text)
  if (answer?.jsonrpc === '2.0') return JSON.stringify(answer)
  if (response.ok && text === '') return ''
  const { detail } = (answer ?? {}) as { readonly detail?: string }
  const advice =
    response.status === 401 || response.status === 403 ? ' Check the key (--key, TASKRUNNER_KEY).' : ''
  throw new Error(`The stage answers ${response.status}. ${detail ?? ''}${advice}`.trim())
}

/** Headers that the HTTP transport requires in addition to the message, so that proxies need not parse it. */
function headersOf({ method, params }: Message, agreed: string | undefined): Record<string, string> {
  const meta = params?._meta as Readonly<Record<string, unknown>> | undefined
  const revision = meta?.[PROTOCOL] ?? agreed
  const name = params?.name ?? params?.taskId
  return {
    ...(typeof revision === 'string' ? { 'mcp-protocol-version': revision } : {}),
    ...(method === undefined ? {} : { 'mcp-method': method }),
    ...(typeof name === 'string' && /^[\x21-\x7e]+$/.test(name) ? { 'mcp-name': name } : {}),
  }
}

function parse(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? (value as Message) : undefined
  } catch {
    return undefined
  }
}

const revisionOf = (answer: string): string | undefined =>
  (parse(answer) as { readonly result?: { readonly protocolVersion?: string } } | undefined)?.result
    ?.protocolVersion

const failureOf = ({ id }: Message, message: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error: { code: INTERNAL_ERROR, message } })

function reasonOf(cause: Error, base: string): string {
  if (cause.name === 'TimeoutError') return `${base} does not answer in ${TIMEOUT_MS / 1_000} s.`
  const inner = cause.cause as { readonly code?: string; readonly message: string } | undefined
  return inner ? `Nothing answers at ${base} (${inner.code ?? inner.message}).` : cause.message
}
