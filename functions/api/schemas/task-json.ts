/** Converts a task into the API's JSON: snake_case and RFC 3339 outside, camelCase and milliseconds inside. */
import type * as z from 'zod'
import { MissingError } from '../../core/domain/errors.ts'
import type { Band, Estimate } from '../../core/domain/estimate.ts'
import { mayNameFiles, withFileLinks } from '../../core/domain/file-links.ts'
import type { KeptStep } from '../../core/domain/step.ts'
import { type Payload, payloadBytes, type Task } from '../../core/domain/task.ts'
import { traceIdOf } from '../../core/domain/trace.ts'
import type { taskSchema } from './task.ts'
import { iso } from './time.ts'

/** Derived from the schema of the OpenAPI document. */
export type TaskJson = z.input<typeof taskSchema>

/** A Lambda answer has at most 6 MB; the body is a JSON string in it, in which each quote takes two characters. */
export const MAX_ANSWER_BYTES = 5_500_000

/**
 * @param answer.base path of the API as the caller sees it; links begin with it.
 * @param answer.read reads a payload from the bucket; without it such payloads are null (as in lists).
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
    /** Creates the URL of a file in the result. */
    readonly linkOf?: (file: string, name: string) => Promise<string>
    readonly steps?: readonly KeptStep[]
    /** When a waiting task is likely to start. */
    readonly wait?: Estimate | undefined
  },
): Promise<TaskJson> {
  const isText = task.type === 'text.generate'
  let left = MAX_ANSWER_BYTES
  const missing: ('input' | 'result')[] = []
  /** An object may have been deleted by hand or by a wrong lifecycle rule; the rest of the row is still valid. */
  const readStored = async (payload: Payload): Promise<string> => {
    try {
      return (await read?.(payload)) ?? 'null'
    } catch (error) {
      if (!(error instanceof MissingError)) throw error
      missing.push(payload === task.input ? 'input' : 'result')
      return 'null'
    }
  }
  /** The payload as JSON text, if the answer has room for `times` copies. */
  const load = async (payload: Payload | undefined, times: number): Promise<string> => {
    // Escaping only adds characters, so a payload that is too large need not be read.
    if (!payload || payloadBytes(payload) * times > left) return 'null'
    const text = 'json' in payload ? payload.json : await readStored(payload)
    const bytes = Buffer.byteLength(JSON.stringify(text)) * times
    if (bytes > left) return 'null'
    left -= bytes
    return text
  }
  // The result first, because the caller already has the input. A prompt is in the answer twice.
  const resultText = await load(task.result, 1)
  const loaded: unknown = JSON.parse(resultText)
  const linked = linkOf && mayNameFiles(resultText) ? await withFileLinks(loaded, linkOf) : loaded
  // URLs have hundreds of bytes; when they do not fit, the result is returned without them.
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

/** Size of the value within an answer that is itself a JSON string. */
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
