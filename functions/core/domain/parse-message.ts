import type { TaskMessage } from './task.ts'
import { parseTrace } from './trace.ts'

/** The newest message version that this code can read. */
const VERSION = 1

/** @returns the message, or undefined when this code does not know its shape or version. */
export function parseMessage(body: string): TaskMessage | undefined {
  try {
    const { v, tenant, id, epoch, trace: sent, dead } = JSON.parse(body) as Partial<TaskMessage>
    const isReadable =
      v === VERSION &&
      typeof tenant === 'string' &&
      typeof id === 'string' &&
      Number.isSafeInteger(epoch) &&
      id !== ''
    if (!isReadable) return undefined
    const trace = typeof sent === 'string' ? parseTrace(sent) : undefined
    const message = {
      v,
      tenant,
      id,
      epoch: epoch as number,
      ...(trace === undefined ? {} : { trace }),
    }
    if (dead === undefined) return message
    if (typeof dead?.code !== 'string' || typeof dead.attempts !== 'number') return undefined
    return { ...message, dead: { code: dead.code, attempts: dead.attempts } }
  } catch {
    return undefined
  }
}
