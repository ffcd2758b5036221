/** Events of a task as Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { TaskEvent } from '../core/application/tasks/watch-task.ts'
import { writeEventId } from '../core/domain/text-piece.ts'
import type { Place } from '../core/ports/wait-places.ts'
import { toStepJson, toTaskJson } from './schemas/task-json.ts'
import { iso } from './schemas/time.ts'

/** When a client reconnects after the answer's end; later when no place to watch is free. */
const RETRY_MS = 1_000
const FULL_RETRY_MS = 5_000
/** Some proxies forward nothing before they have received 2 kB. */
const PADDING = `: ${' '.repeat(2_048)}\n`

interface EventWatch {
  readonly events: AsyncIterable<TaskEvent>
  /** Freed at the end; undefined when no place was free. */
  readonly place: Place | undefined
}

/**
 * @param open starts to watch. Called at the first piece, so that an answer without a body, as for HEAD, takes no place.
 * @param base path of the API as the caller sees it.
 * @returns pieces of the answer, each one or more whole lines.
 */
export async function* toEventStream(open: () => Promise<EventWatch>, base: string): AsyncGenerator<string> {
  const { events, place } = await open()
  try {
    yield `${PADDING}retry: ${place ? RETRY_MS : FULL_RETRY_MS}\n\n`
    for await (const event of events) {
      if (event.kind === 'quiet') yield ': still here\n\n'
      else yield frame(event, await dataOf(event, base), place?.id)
    }
  } finally {
    await place?.leave().catch(() => undefined)
  }
}

const NAMES = {
  status: 'status',
  progress: 'progress',
  step: 'step',
  text: 'text-delta',
  end: 'end',
} as const

const frame = (
  { kind, position }: Exclude<TaskEvent, { kind: 'quiet' }>,
  data: object,
  place: string | undefined,
): string => `id: ${writeEventId(position, place)}\nevent: ${NAMES[kind]}\ndata: ${JSON.stringify(data)}\n\n`

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
