import * as z from 'zod'
import { defineTask, TaskError } from '../../core/kit/index.ts'

/** Time after which no further call starts: a call takes at most about two minutes, and the attempt 14. */
const CALLING_MS = 11 * 60_000

const output = z.object({
  tasks: z.int().describe('Rows deleted.'),
  uploads: z.int().describe('Deleted uploads that no task used any more.'),
  objects: z.int().describe('Deleted payload objects.'),
  failed: z.int().describe('Rows that could not be deleted; the next cleanup tries again.'),
})

export default defineTask({
  name: 'maintenance.cleanup',
  summary: 'Deletes tasks and uploads whose retention is over. The stage submits it every day.',
  version: 1,
  lane: 'demo',
  needs: ['upkeep'],
  // An attempt works for about 13 minutes, and the next one continues where it stopped.
  retry: { maxAttempts: 10 },
  limits: { timeoutMs: 840_000 },
  input: z.strictObject({}),
  output,
  run: async ({ upkeep, step, progress, signal }) => {
    const sum = { tasks: 0, uploads: 0, objects: 0, failed: 0 }
    const until = Date.now() + CALLING_MS
    for (let walk = 1; Date.now() < until; walk += 1) {
      // As a step, so that the result includes what earlier attempts deleted.
      const done = await step(`walk ${walk}`, () => upkeep.cleanUp(signal))
      for (const key of ['tasks', 'uploads', 'objects', 'failed'] as const) sum[key] += done[key]
      progress(done.isComplete ? 100 : Math.min(95, walk * 5), `${sum.tasks} tasks deleted`)
      if (done.isComplete) return sum
    }
    throw new TaskError(`${sum.tasks} tasks deleted, and not all that are over.`, {
      code: 'cleanup_unfinished',
      retry: 'counted',
    })
  },
})
