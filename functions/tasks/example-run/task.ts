import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: 'example.run',
  summary: 'Works for some seconds and tells its progress every second.',
  version: 1,
  lane: 'demo',
  input: z.strictObject({
    name: z.string().min(1).max(200).default('example'),
    seconds: z.number().min(0).max(200).default(5),
  }),
  output: z.object({ name: z.string(), seconds: z.number(), message: z.string() }),
  run: async ({ input: { name, seconds }, progress, sleep }) => {
    for (let done = 0; done < seconds; done += 1) {
      progress((done / seconds) * 100, `${done} of ${seconds} s`)
      await sleep(Math.min(1, seconds - done) * 1_000)
    }
    return { name, seconds, message: `Task ${name} completed in ${seconds} seconds` }
  },
})
