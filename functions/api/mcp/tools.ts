/** The tools for agents: every task type, and the routes that declare a tool. */
import type { CallToolResult, Tool } from '@modelcontextprotocol/server'
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import { LIMITS } from '../../contract.ts'
import { nearestText } from '../../core/domain/nearest-name.ts'
import { type ManifestEntry, manifest } from '../manifest.ts'
import { submitTaskRoute } from '../routes/tasks/submit-task.ts'
import type { TaskJson } from '../schemas/task-json.ts'
import { type Arguments, type Caller, callRoute, mayUse, type RouteTool } from './call-route.ts'
import { ROUTE_TOOLS } from './route-tools.gen.ts'
import type { McpSettings } from './server.ts'
import { resultOf, taskOf, toToolResult } from './task-results.ts'

interface ToolCall {
  readonly name: string
  readonly arguments: Arguments
  /** The client accepts a task instead of the result. */
  readonly isTask: boolean
}

/** Some clients accept only letters, digits, hyphens and underscores: `text_generate` is accepted as well. */
const plain = (name: string): string => name.replaceAll('.', '_')

/** Task types for the stage's own maintenance are not offered. */
const offered = manifest.filter(({ needs }) => !needs.includes('upkeep'))

export function listTools(caller: Caller): Tool[] {
  const types = mayUse(caller, submitTaskRoute.scope) ? offered.map(typeTool) : []
  return [...types, ...ROUTE_TOOLS.filter(({ route }) => mayUse(caller, route.scope)).map(routeTool)]
}

const MODEL = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Model to call; by default that of the stage.',
}

/** Over HTTP the model is a field beside the input; for a tool it is one of the arguments. */
const takesModel = ({ usesModel, input }: ManifestEntry): boolean =>
  usesModel && !Object.hasOwn(input.properties ?? {}, 'model')

const typeTool = (type: ManifestEntry): Tool => ({
  name: type.name,
  description: type.summary,
  inputSchema: {
    ...type.input,
    type: 'object',
    ...(takesModel(type) ? { properties: { ...(type.input.properties as object), model: MODEL } } : {}),
  },
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: type.usesModel },
})

const routeTool = ({ route, input }: RouteTool): Tool => ({
  name: route.mcp?.tool ?? '',
  description: [route.summary, route.description].filter(Boolean).join('. '),
  inputSchema: { ...input, type: 'object' },
  annotations:
    route.method === 'GET'
      ? { readOnlyHint: true, openWorldHint: false }
      : { readOnlyHint: false, openWorldHint: false },
})

const typeOf = (tool: unknown): ManifestEntry | undefined =>
  offered.find(({ name }) => name === tool || plain(name) === tool)

/** The SDK's limit of a list. */
const MAX_MESSAGES = 100

/**
 * Number of requests in a message: revisions before 2026-07-28 allow a hundred calls in one list. The call of a task type's
 * tool is counted with the task that it submits.
 */
export function requestsIn(text: string): number {
  try {
    const messages = [JSON.parse(text)].flat() as readonly unknown[]
    // A message that the SDK refuses counts as one request.
    if (messages.length === 0 || messages.length > MAX_MESSAGES) return 1
    return messages.filter((message) => !isSubmit(message)).length
  } catch {
    return 1
  }
}

function isSubmit(message: unknown): boolean {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } | null }
  return method === 'tools/call' && typeOf(params?.name) !== undefined
}

/**
 * A refused argument is a result that the model can read and correct; an unknown tool is an error of the client.
 *
 * @throws ProtocolError for an unknown tool.
 */
export async function callTool(
  caller: Caller,
  settings: McpSettings,
  call: ToolCall,
): Promise<CallToolResult> {
  const type = typeOf(call.name)
  const tool = ROUTE_TOOLS.find(({ route }) => route.mcp?.tool === call.name)
  const route = type ? submitTaskRoute : tool?.route
  if (!route) throw new ProtocolError(ProtocolErrorCode.InvalidParams, unknownTool(caller, call.name))
  if (!mayUse(caller, route.scope))
    return { content: [{ type: 'text', text: `This key lacks the scope "${route.scope}".` }], isError: true }
  if (!type) return toToolResult(await callRoute(route, caller, call.arguments, keyOf(caller)))
  const answer = await callRoute(submitTaskRoute, caller, bodyOf(type, call.arguments), {
    ...keyOf(caller),
    ...(caller.traceparent ? { traceparent: caller.traceparent } : {}),
    ...(call.isTask ? {} : { prefer: `wait=${LIMITS.waitSeconds}` }),
  })
  if (answer.status >= 400) return toToolResult(answer)
  const task = answer.body as TaskJson
  if (!call.isTask) return resultOf(task)
  // The row is written, so `tasks/get` finds it from now on.
  const state = taskOf(task, settings.now(), settings.retentionDays)
  return { resultType: 'task', ...state } as unknown as CallToolResult
}

function bodyOf(type: ManifestEntry, given: Arguments) {
  if (!takesModel(type)) return { type: type.name, input: given }
  const { model, ...input } = given
  return { type: type.name, input, ...(model === undefined ? {} : { model }) }
}

function unknownTool(caller: Caller, name: string): string {
  const names = listTools(caller).map((tool) => tool.name)
  return `There is no tool "${name.slice(0, 100)}".${nearestText(name, names)}`
}

const keyOf = ({ idempotencyKey }: Caller): Record<string, string> =>
  idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
