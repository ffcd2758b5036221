/** The one place where a task becomes JSON: snake_case and RFC 3339 outside, camelCase and milliseconds inside. */
import type * as z from 'zod'
import { MissingError } from '../../core/domain/errors.ts'
import type { Band, Estimate } from '../../core/domain/estimate.ts'
import { mayNameFiles, withFileLinks } from '../../core/domain/file-links.ts'
import type { KeptStep } from '../../core/domain/step.ts'
import { type Payload, payloadBytes, type Task } from '../../core/domain/task.ts'
import { traceIdOf } from '../../core/domain/trace.ts'
import type { taskSchema } from './task.ts'
import { iso } from './time.ts'

/** Checked against the OpenAPI document. */
export type TaskJson = z.input<typeof taskSchema>

/** Lambda answers at most 6 MB, and the body is a JSON string in it, so that its quotes count twice. */
export const MAX_ANSWER_BYTES = 5_500_000

/**
 * @param answer.base path of the API as the caller sees it; links begin with it.
 * @param answer.read fetches a payload that is in the bucket; without it such payloads are null (as in lists).
 */
export async function toTaskJson(
  task: Task,
  {
    base,
    read,
    linkOf,
    steps = [],
    wait,
  }: {
    readonly base: string
    readonly read?: (payload: Payload) => Promise<string>
    /** Gives a file in the result its address. */
    readonly linkOf?: (file: string, name: string) => Promise<string>
    readonly steps?: readonly KeptStep[]
    /** When it is likely to start, for a task that waits. */
    readonly wait?: Estimate | undefined
  },
): Promise<TaskJson> {
  const isText = task.type === 'text.generate'
  let left = MAX_ANSWER_BYTES
  const missing: ('input' | 'result')[] = []
  /** A row outlives an object that was deleted by hand or by a wrong lifecycle rule: the rest of it is still true. */
  const readStored = async (payload: Payload): Promise<string> => {
    try {
      return (await read?.(payload)) ?? 'null'
    } catch (error) {
      if (!(error instanceof MissingError)) throw error
      missing.push(payload === task.input ? 'input' : 'result')
      return 'null'
    }
  }
  /** The payload as JSON text, if it fits into the answer so many times. */
  const load = async (payload: Payload | undefined, times: number): Promise<string> => {
    // Escapes only add: what is too large already need not be read.
    if (!payload || payloadBytes(payload) * times > left) return 'null'
    const text = 'json' in payload ? payload.json : await readStored(payload)
    const bytes = Buffer.byteLength(JSON.stringify(text)) * times
    if (bytes > left) return 'null'
    left -= bytes
    return text
  }
  // The result first: the input, the caller has. A prompt is in the answer twice.
  const resultText = await load(task.result, 1)
  const loaded: unknown = JSON.parse(resultText)
  const linked = linkOf && mayNameFiles(resultText) ? await withFileLinks(loaded, linkOf) : loaded
  // Addresses of hundreds of bytes each: without them rather than not at all.
  const more = linked === loaded ? 0 : bytesIn(linked) - bytesIn(loaded)
  const result = more <= left ? linked : loaded
  if (result === linked) left -= more
  const input: unknown = JSON.parse(await load(task.input, isText ? 2 : 1))
  const self = `${base}/tasks/${task.id}`
  const prompt = isText ? ((input as { prompt?: string } | null)?.prompt ?? null) : null
  return {
    id: task.id,
    task_id: task.id,
    type: task.type,
    status: task.status,
    lane: task.lane,
    priority: task.priority,
    model: task.model,
    prompt,
    input,
    result,
    error: task.error ?? null,
    progress: task.progress ?? null,
    attempts: task.attempt,
    max_attempts: task.maxAttempts,
    epoch: task.epoch,
    trace_id: traceIdOf(task) ?? null,
    usage: task.usage
      ? {
          input_tokens: task.usage.inputTokens,
          output_tokens: task.usage.outputTokens,
          cost_usd: task.usage.costMicroUsd === null ? null : task.usage.costMicroUsd / 1_000_000,
          saved_usd: (task.usage.savedMicroUsd ?? 0) / 1_000_000,
          provider: task.usage.provider,
          cached_tokens: task.usage.cachedTokens ?? 0,
          reasoning_tokens: task.usage.reasoningTokens ?? 0,
          model: task.usage.model ?? null,
          finish_reason: task.usage.finishReason ?? null,
          is_truncated: task.usage.isTruncated ?? false,
          shared_with: task.usage.sharedWith ?? null,
        }
      : null,
    queue: wait ? toQueueJson(wait) : null,
    estimated_cost_usd: wait?.costMicroUsd
      ? { low: wait.costMicroUsd.low / 1_000_000, high: wait.costMicroUsd.high / 1_000_000 }
      : null,
    tags: [...task.tags],
    created_at: iso(task.createdAt),
    updated_at: iso(task.updatedAt),
    started_at: iso(task.startedAt),
    finished_at: iso(task.finishedAt),
    run_at: iso(task.runAt),
    deadline: iso(task.deadlineAt),
    expires_at: iso(task.expiresAt),
    history: task.history.map((record) => ({
      epoch: record.epoch,
      attempt: record.attempt,
      started_at: iso(record.startedAt),
      ended_at: iso(record.endedAt),
      outcome: record.outcome,
      provider: record.provider ?? null,
    })),
    steps: steps.map(toStepJson),
    attempts_omitted: task.attemptsOmitted ?? 0,
    ...(missing.length ? { missing } : {}),
    links: {
      self,
      events: `${self}/events`,
      input: `${self}/input`,
      result: `${self}/result`,
      cancel: `${self}/cancel`,
      retry: `${self}/retry`,
    },
  }
}

/** Of the value within an answer that is itself a string in JSON. */
const bytesIn = (value: unknown): number => Buffer.byteLength(JSON.stringify(JSON.stringify(value)))

const toQueueJson = ({ gate, position, start, finish }: Estimate) => ({
  gate,
  position: position ?? null,
  estimated_start: start ? toBandJson(start) : null,
  estimated_finish: finish ? toBandJson(finish) : null,
})

const toBandJson = ({ earliest, latest }: Band) => ({ earliest: iso(earliest), latest: iso(latest) })

export const toStepJson = ({ name, startedAt, endedAt, epoch, attempt, usage }: KeptStep) => ({
  name,
  started_at: iso(startedAt),
  seconds: (endedAt - startedAt) / 1_000,
  epoch,
  attempt,
  cost_usd: typeof usage?.costMicroUsd === 'number' ? usage.costMicroUsd / 1_000_000 : null,
})
