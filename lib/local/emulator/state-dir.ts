import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** The parts of a run's state that are only valid together; assemblies and code caches can be kept without them. */
const STATE = [
  'dynamodb',
  'table',
  'sqs-s3',
  'outbox',
  'logs',
  'metrics.jsonl',
  'alarms.json',
  'paused-sources.json',
  'key-pepper',
] as const

/** Readable only for this user, because it contains prompts, answers and logs. */
export async function openStateDir(stateDir: string, isFresh: boolean): Promise<void> {
  if (isFresh) for (const name of STATE) await rm(join(stateDir, name), { recursive: true, force: true })
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await chmod(stateDir, 0o700)
}
