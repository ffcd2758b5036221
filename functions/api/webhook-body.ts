import { MissingError } from '../core/domain/errors.ts'
import { type Payload, payloadBytes, type Task } from '../core/domain/task.ts'
import type { Delivery } from '../core/domain/webhook.ts'
import { toTaskJson } from './schemas/task-json.ts'
import { iso } from './schemas/time.ts'

/** A larger result is only linked. */
const INLINE_BYTES = 20_000

/**
 * The body of an event: type, time, and the task without its input.
 *
 * @param task undefined when the row is deleted; then the body has only its id and the event.
 */
export async function webhookBody(
  delivery: Delivery,
  task: Task | undefined,
  { base, read }: { readonly base: string; readonly read: (payload: Payload) => Promise<string> },
): Promise<string> {
  const { event, epoch } = delivery
  // A retry by hand may have begun another epoch since; then the row no longer shows the state of the event.
  const isSame = task?.epoch === epoch && (event === 'started' || task.status === event.toUpperCase())
  return JSON.stringify({
    type: `task.${event}`,
    timestamp: iso(delivery.occurredAt),
    data:
      event !== 'progress' && task && isSame
        ? await dataOf(task, base, read)
        : { ...briefOf(delivery, base) },
  })
}

const briefOf = ({ taskId: id, event, epoch, progress }: Delivery, base: string) => ({
  id,
  task_id: id,
  epoch,
  ...(event === 'started' || event === 'progress' ? {} : { status: event.toUpperCase() }),
  ...(progress ? { status: 'PROCESSING', progress } : {}),
  links: { self: `${base}/tasks/${id}` },
})

async function dataOf(task: Task, base: string, read: (payload: Payload) => Promise<string>) {
  const { result, ...row } = task
  const text =
    result && payloadBytes(result) < INLINE_BYTES ? await read(result).catch(unlessMissing) : undefined
  const reportedTask: Task = {
    ...row,
    input: { json: 'null' },
    ...(text === undefined ? {} : { result: { json: text } }),
  }
  const { input, prompt, history, steps, attempts_omitted, ...json } = await toTaskJson(reportedTask, {
    base,
  })
  return { ...json, is_result_omitted: result !== undefined && text === undefined }
}

/** The result's object may have been deleted by hand; the event is sent without it. */
function unlessMissing(error: unknown): undefined {
  if (!(error instanceof MissingError)) throw error
}
