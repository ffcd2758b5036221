/** The server of the Model Context Protocol: created for each call, because nothing is kept between calls. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  MissingRequiredClientCapabilityError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import * as z from 'zod'
import type { Caller } from './call-route.ts'
import { TASKS_EXTENSION, taskMethods } from './task-methods.ts'
import { callTool, listTools } from './tools.ts'

export interface McpSettings {
  readonly version: string
  readonly retentionDays: number
  readonly now: () => number
}

/** How long a client may cache the list of tools, which changes only with a deployment. */
const TOOLS_TTL_MS = 300_000

const taskParams = z.object({ taskId: z.string().min(1).max(200) })

/** @param isModern the call uses a revision with extensions; earlier ones have no durable tasks here. */
export function createServer(caller: Caller, settings: McpSettings, isModern: boolean): Server {
  const server = new Server(
    { name: 'async-ai-task-runner', title: 'Async AI Task Runner', version: settings.version },
    {
      capabilities: { tools: {}, ...(isModern ? { extensions: { [TASKS_EXTENSION]: {} } } : {}) },
      instructions:
        'Each task type is a tool: calling it submits a durable task. A task that has not ended within 25 s keeps running; read it with get_task. explain_task says why a task does not run.',
    },
  )
  server.setRequestHandler('tools/list', () => ({
    tools: listTools(caller),
    ...(isModern ? { ttlMs: TOOLS_TTL_MS, cacheScope: 'private' as const } : {}),
  }))
  server.setRequestHandler('tools/call', ({ params }, context) =>
    callTool(caller, settings, {
      name: params.name,
      arguments: params.arguments ?? {},
      isTask: isModern && hasTasks(context),
    }),
  )
  if (!isModern) return server
  const methods = taskMethods(caller, settings)
  for (const [method, answer] of Object.entries(methods))
    server.setRequestHandler(method, { params: taskParams }, async ({ taskId }, context) => {
      if (!hasTasks(context))
        throw new MissingRequiredClientCapabilityError({
          requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
        })
      return answer(taskId)
    })
  return server
}

/** The client declares its capabilities with each call. */
function hasTasks({ mcpReq }: ServerContext): boolean {
  const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {}
  const declared = envelope[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined
  return declared?.extensions?.[TASKS_EXTENSION] !== undefined
}
