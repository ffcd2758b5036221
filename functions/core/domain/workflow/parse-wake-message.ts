import type { TaskKey } from '../task.ts'

/** @returns the workflow that a message names; undefined for an invalid message. */
export function parseWakeMessage(body: string): TaskKey | undefined {
  try {
    const { v, tenant, id } = JSON.parse(body) as { v?: unknown; tenant?: unknown; id?: unknown }
    return v === 1 && typeof tenant === 'string' && typeof id === 'string' && id !== ''
      ? { tenant, id }
      : undefined
  } catch {
    return undefined
  }
}
