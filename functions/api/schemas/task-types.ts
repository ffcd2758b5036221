import * as z from 'zod'
import { laneName } from './task.ts'

const jsonSchema = z.record(z.string(), z.unknown()).describe('JSON Schema, draft 2020-12.')

export const taskTypesAnswer = z.object({
  task_types: z.array(
    z
      .object({
        name: z.string(),
        summary: z.string(),
        version: z.int().min(1),
        lane: laneName,
        uses_model: z.boolean(),
        max_attempts: z.int().min(1),
        timeout_seconds: z.number().describe('The most that one attempt may take.'),
        input_schema: jsonSchema,
        output_schema: jsonSchema,
        examples: z.array(z.unknown()).describe('Inputs that the type accepts.'),
      })
      .meta({ id: 'TaskType' }),
  ),
})
