import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FUNCTION_NAMES } from '../../functions/contract.ts'
import type { Task } from '../../lib/client/types.ts'
import { diagnose, type Facts, type Finding } from '../cli/diagnose.ts'
import { CliError, EXIT } from '../cli/failure.ts'
import { follow } from '../cli/follow.ts'
import { stateDirectory } from '../cli/profile.ts'
import type { Paint } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session, unlessMissingRoute } from '../cli/session.ts'
import { tasksOf } from './inspect.ts'
import { LogReader } from './logs.ts'

const HOUR_MS = 3_600_000
const TRIAL_SECONDS = 60

/** `doctor`: finds out why tasks do not run. Each finding says what to do; exit 1 when one of them stops tasks. */
export const addDoctor: AddCommand = (program) => {
  program
    .command('doctor')
    .description('find out why tasks do not run, and what to do')
    .argument('[id]', 'also check this task')
    .option('--try', 'also run a small task for real')
    .action(async (id: string | undefined, options: { try?: boolean }, command) => {
      const session = await openSession(command)
      const findings = diagnose(await readFacts(session, id, options.try === true), Date.now())
      session.show({ findings }, () =>
        findings.map((finding) => findingText(finding, session.paint)).join('\n'),
      )
      if (findings.some(({ level }) => level === 'fail'))
        session.exit(
          findings[0]?.check === 'stage' && findings[0].level === 'fail' ? EXIT.unreachable : EXIT.taskFailed,
        )
    })
}

const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], fail: ['red', '✘'] } as const

export function findingText({ check, level, says, todo }: Finding, paint: Paint): string {
  const [style, mark] = MARKS[level]
  const line = `${paint(style, mark)} ${check.padEnd(10)} ${says}`
  return todo ? `${line}\n${' '.repeat(13)}→ ${todo}` : line
}

async function readFacts(session: Session, id: string | undefined, isTrial: boolean): Promise<Facts> {
  const { api, target } = session
  const asked = <Value>(call: Promise<Value>): Promise<Value | CliError> =>
    call.catch((cause: unknown) => {
      if (cause instanceof CliError) return cause
      throw cause
    })
  const health = await asked(api.json('getHealth'))
  if (health instanceof CliError) return { target, health }
  const readAt = Date.now()
  const access = await asked(api.json('listTasks', { query: { limit: 1 } }))
  if (access instanceof CliError) return { target, health, readAt, access }
  const since = new Date(readAt - HOUR_MS).toISOString()
  const [types, queues, open, failed, errors] = await Promise.all([
    api.json('listTaskTypes'),
    unlessMissingRoute(api.json('listQueues')),
    tasksOf(session, ['PENDING', 'PROCESSING', 'RETRYING']),
    api.json('listTasks', { query: { status: 'FAILED', created_after: since, limit: 100 } }),
    target.isLocal ? logErrors(session, since) : undefined,
  ])
  const task = id === undefined ? undefined : await asked(api.json('getTask', { params: { id } }))
  const explanation =
    id === undefined || task instanceof CliError
      ? undefined
      : await unlessMissingRoute(api.json('explainTask', { params: { id } }))
  const trial = isTrial ? await asked(runTrial(session)) : undefined
  return {
    target,
    health,
    readAt,
    access,
    types: types.task_types,
    queues: queues?.queues,
    open,
    failed: failed.tasks,
    errors,
    task,
    explanation,
    trial,
  }
}

/** Runs one task to its end, to prove that the stage works. */
async function runTrial(session: Session): Promise<Task> {
  const { id } = await session.api.json('submitTask', {
    body: {
      type: 'example.add',
      input: { x: 1, y: 2 },
      tags: ['doctor'],
    } as never,
  })
  return follow(session, id, { giveUpSeconds: TRIAL_SECONDS })
}

async function logErrors(session: Session, since: string): Promise<readonly string[] | 'none'> {
  const folder = join(stateDirectory(session.env), 'logs')
  if (!existsSync(folder)) return 'none'
  const lines = await new LogReader(folder, FUNCTION_NAMES).next()
  return lines
    .filter(({ level, time }) => /^(ERROR|FATAL)$/.test(level) && time >= since)
    .map(({ name, text }) => `${name}: ${text}`)
}
