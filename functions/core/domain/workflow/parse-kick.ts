import type { TaskKey } from '../task.ts'

/** @returns the workflow that a message asks for; undefined for a body that is not one of ours. */
export function parseKick(body: string): TaskKey | undefined {
  try {
    const { v, tenant, id } = JSON.parse(body) as { v?: unknown; tenant?: unknown; id?: unknown }
    return v === 1 && typeof tenant === 'string' && typeof id === 'string' && id !== ''
      ? { tenant, id }
      : undefined
  } catch {
    return undefined
  }
}
