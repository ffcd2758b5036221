/** Converts a task for the Model Context Protocol: into the result of a tool, and into a task of its extension. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { isFinal } from '../../core/domain/task.ts'
import type { HttpAnswer } from '../../hosts/http.ts'
import type { ProblemAnswer } from '../define-route.ts'
import type { TaskJson } from '../schemas/task-json.ts'

const DAY_MS = 86_400_000
/** When a client should ask again: most model calls take seconds. */
const SHORT_POLL_MS = 1_000
const LONG_POLL_MS = 30_000

/**
 * Every answer contains its data twice, as text and as JSON, and Lambda returns at most 6 MB. So larger data is only in the
 * JSON. JSON in a text can take twice its length, because of its quotes and backslashes.
 */
const MAX_TEXT_BYTES = 1_500_000

const text = (words: string) => [{ type: 'text' as const, text: words }]

/** A route's answer: its JSON as text for the model, and as data for the client. */
export function toToolResult({ status, body, text: plain }: HttpAnswer): CallToolResult {
  if (status >= 400) return refusalOf(body as ProblemAnswer)
  if (body === undefined) return { content: text(plain ?? '') }
  return {
    content: text(shortened(JSON.stringify(body), 'answer')),
    structuredContent: body as CallToolResult['structuredContent'],
  }
}

function refusalOf(problem: ProblemAnswer): CallToolResult {
  const more = (problem.errors ?? [])
    .filter(({ message }) => !problem.detail.includes(message))
    .map(({ path, message }) => `${path || 'The arguments'} ${message}`)
  return {
    content: text([`${problem.title}: ${problem.detail}`, ...more].join('\n')),
    structuredContent: { ...problem },
    isError: true,
  }
}

/** The result of a task type's tool: the task's result, its error, or how to ask for it later. */
export function resultOf(task: TaskJson): CallToolResult {
  const data = { task_id: task.id, status: task.status }
  if (task.status === 'COMPLETED') {
    const { result } = task
    // Also null for a result above 5.5 MB, which does not fit into an answer.
    const words =
      result === null
        ? `null, or too large for this answer: see ${task.links.result}`
        : shortened(wordsOf(result), 'result')
    return {
      content: text(words),
      structuredContent: { ...data, result },
    }
  }
  if (isFinal(task.status)) {
    const { code = task.status.toLowerCase(), message = '' } = task.error ?? {}
    const advice = task.status === 'FAILED' ? ` retry_task {"id": "${task.id}"} runs it again.` : ''
    return {
      content: text(`Task ${task.id} is ${task.status} (${code}). ${message}${advice}`),
      structuredContent: { ...data, error: task.error },
      isError: true,
    }
  }
  return {
    content: text(
      `Task ${task.id} is ${task.status}${progressOf(task)} and keeps running. ` +
        `Read it with get_task {"id": "${task.id}", "wait": 25}; cancel_task stops it.`,
    ),
    structuredContent: data,
  }
}

function shortened(words: string, what: string): string {
  const bytes = Buffer.byteLength(words)
  if (bytes <= MAX_TEXT_BYTES) return words
  return `The ${what} has ${bytes} bytes, too many for this text. structuredContent has it.`
}

const wordsOf = (result: unknown): string => (typeof result === 'string' ? result : JSON.stringify(result))
const progressOf = ({ progress }: TaskJson): string =>
  progress ? ` (${progress.percent} %${progress.message ? `, ${progress.message}` : ''})` : ''

/** A task of the extension `io.modelcontextprotocol/tasks`, without its result. */
export function taskOf(task: TaskJson, now: number, retentionDays: number) {
  const created = Date.parse(task.created_at)
  return {
    taskId: task.id,
    // A failed task is `completed` with an error result: `failed` is only for errors of the protocol.
    status: isFinal(task.status) ? (task.status === 'CANCELLED' ? 'cancelled' : 'completed') : 'working',
    statusMessage: `${task.status}${progressOf(task)}`,
    createdAt: task.created_at,
    lastUpdatedAt: task.updated_at ?? task.created_at,
    // Only finished rows are deleted.
    ttlMs: task.finished_at ? Date.parse(task.finished_at) - created + retentionDays * DAY_MS : null,
    pollIntervalMs: pollOf(task, now),
  }
}

function pollOf({ status, run_at }: TaskJson, now: number): number {
  if (status !== 'SCHEDULED' || !run_at) return SHORT_POLL_MS
  return Math.min(LONG_POLL_MS, Math.max(SHORT_POLL_MS, Date.parse(run_at) - now))
}
