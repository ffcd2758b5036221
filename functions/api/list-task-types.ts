import type { Door } from '../hosts/lambda.ts'
import { manifest } from './manifest.ts'

/** GET /task-types — name, lane and JSON Schemas of everything that can be submitted. */
export const listTaskTypesDoor: Door = async () => ({
  status: 200,
  body: { task_types: manifest.map(toJson) },
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
