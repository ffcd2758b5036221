import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What a run leaves behind and the next one cannot use without the others; assemblies and caches of code it can. */
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

/** Prompts, answers and logs lie in it: nobody else on this machine may look. */
export async function openStateDir(stateDir: string, isFresh: boolean): Promise<void> {
  if (isFresh) for (const name of STATE) await rm(join(stateDir, name), { recursive: true, force: true })
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await chmod(stateDir, 0o700)
}
