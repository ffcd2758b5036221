import { defineRoute } from '../../define-route.ts'
import { manifest } from '../../manifest.ts'
import { taskTypesAnswer } from '../../schemas/task-types.ts'

export const listTaskTypesRoute = defineRoute({
  method: 'GET',
  path: '/task-types',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'List what can be submitted',
  answers: { 200: { description: 'Name, lane and JSON Schemas of each type.', schema: taskTypesAnswer } },
  mcp: { tool: 'list_task_types' },
  needs: () => undefined,
  handle: async () => ({ status: 200, body: { task_types: manifest.map(toJson) } }),
})

const toJson = (type: (typeof manifest)[number]) => ({
  name: type.name,
  summary: type.summary,
  version: type.version,
  lane: type.lane,
  uses_model: type.usesModel,
  max_attempts: type.maxAttempts,
  timeout_seconds: type.timeoutMs / 1_000,
  input_schema: type.input,
  output_schema: type.output,
  examples: type.examples,
})
