/** Events of a task as Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { TaskEvent } from '../core/application/tasks/watch-task.ts'
import { writePosition } from '../core/domain/text-piece.ts'
import { toStepJson, toTaskJson } from './schemas/task-json.ts'
import { iso } from './schemas/time.ts'

/** When a reader comes back after the answer has ended; later where nobody more may watch now. */
const RETRY_MS = 1_000
const FULL_RETRY_MS = 5_000
/** Some proxies pass nothing on before they have 2 kB. */
const PADDING = `: ${' '.repeat(2_048)}\n`

interface Framing {
  /** Path of the API as the caller sees it. */
  readonly base: string
  /** Gives the place back; undefined where there was none. */
  readonly leave: (() => Promise<void>) | undefined
}

/** @returns pieces of the answer, each one or more whole lines. */
export async function* toEventStream(
  events: AsyncIterable<TaskEvent>,
  { base, leave }: Framing,
): AsyncGenerator<string> {
  try {
    yield `${PADDING}retry: ${leave ? RETRY_MS : FULL_RETRY_MS}\n\n`
    for await (const event of events) {
      if (event.kind === 'quiet') yield ': still here\n\n'
      else yield frame(event, await dataOf(event, base))
    }
  } finally {
    await leave?.().catch(() => undefined)
  }
}

const NAMES = {
  status: 'status',
  progress: 'progress',
  step: 'step',
  text: 'text-delta',
  end: 'end',
} as const

const frame = ({ kind, position }: Exclude<TaskEvent, { kind: 'quiet' }>, data: object): string =>
  `id: ${writePosition(position)}\nevent: ${NAMES[kind]}\ndata: ${JSON.stringify(data)}\n\n`

async function dataOf(event: Exclude<TaskEvent, { kind: 'quiet' }>, base: string): Promise<object> {
  switch (event.kind) {
    case 'status': {
      const { id, status, epoch, attempt, maxAttempts, updatedAt } = event.task
      return { id, status, epoch, attempt, max_attempts: maxAttempts, updated_at: iso(updatedAt) }
    }
    case 'progress':
      return event.task.progress ?? {}
    case 'step':
      return toStepJson(event.step)
    case 'text': {
      const { attempt, offset, text } = event.piece
      return { attempt, offset, text }
    }
    case 'end':
      return toTaskJson(event.task, { base, steps: event.steps })
  }
}
