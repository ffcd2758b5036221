import * as z from 'zod'

const time = z.iso.datetime()

/** `?deep=1`, and other words for yes. */
export const healthQuery = z.strictObject({
  deep: z.enum(['1', 'true', '0', 'false']).optional().describe('1: also check everything behind the API.'),
})

export const healthSchema = z
  .object({
    status: z.literal('healthy'),
    app_name: z.string(),
    version: z.string(),
    timestamp: time,
  })
  .meta({ id: 'Health' })

export const deepHealthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    timestamp: time,
    checks: z
      .record(
        z.string(),
        z.object({
          status: z.enum(['ok', 'failed']),
          message: z.string().describe('What is wrong, or "ok".'),
          duration_ms: z.number(),
        }),
      )
      .describe('table, queues, bucket and sweeper.'),
    sweeper_last_run_at: time.nullable().describe('Null before its first run.'),
  })
  .meta({ id: 'DeepHealth' })
