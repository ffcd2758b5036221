import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: 'example.add',
  summary: 'Adds two numbers.',
  version: 1,
  lane: 'demo',
  input: z.strictObject({ x: z.number(), y: z.number() }),
  output: z.number(),
  run: async ({ input: { x, y } }) => x + y,
})
