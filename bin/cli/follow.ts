/** Waits for a task's end and shows its progress. */
import { isFinal, type Task } from '../../lib/client/types.ts'
import { CliError, EXIT } from './failure.ts'
import { oneLine } from './screen.ts'
import type { Session } from './session.ts'
import { progressLine, resultText } from './task-text.ts'

/** Wait of one call; the stage's limit is 25 s. */
const WAIT_SECONDS = 20
const FIRST_MS = 200
const MAX_WAIT_MS = 1_000
/** After this long without an answer the stage counts as unreachable. */
const UNREACHABLE_AFTER_MS = 30_000

export interface FollowOptions {
  readonly giveUpSeconds?: number | undefined
  /** Called with every new state of the task. */
  readonly onChange?: (task: Task) => void
}

/** @throws CliError when the task is unknown, or still runs at the end of the time. */
export async function follow(
  session: Session,
  id: string,
  { giveUpSeconds, onChange }: FollowOptions,
): Promise<Task> {
  const startedAt = Date.now()
  let task: Task | undefined
  let etag: string | undefined
  let waitMs = FIRST_MS
  let answeredAt = Date.now()
  for (;;) {
    try {
      // The first call returns at once; later ones wait at the stage until the task changes.
      const leftSeconds = Math.floor(
        (giveUpSeconds ?? Number.POSITIVE_INFINITY) - (Date.now() - startedAt) / 1_000,
      )
      const wait = etag === undefined ? 0 : Math.max(0, Math.min(WAIT_SECONDS, leftSeconds))
      const answer = await session.api.call('getTask', {
        params: { id },
        query: wait > 0 ? { wait } : {},
        headers: etag ? { 'if-none-match': etag } : {},
      })
      answeredAt = Date.now()
      if (answer.status !== 304) {
        etag = answer.headers.get('etag') ?? undefined
        task = answer.body
        onChange?.(task)
        waitMs = FIRST_MS
      }
    } catch (cause) {
      const isPassing =
        cause instanceof CliError &&
        cause.exitCode === EXIT.unreachable &&
        Date.now() - answeredAt < UNREACHABLE_AFTER_MS
      // An address that has never answered is wrong, so do not wait.
      if (!isPassing || !task) throw cause
    }
    if (task && isFinal(task.status)) return task
    if (giveUpSeconds !== undefined && Date.now() - startedAt > giveUpSeconds * 1_000)
      throw new CliError(
        EXIT.stillRunning,
        `Task ${id} is still ${task?.status ?? 'unknown'} after ${giveUpSeconds} s. It goes on; see: npx taskrunner explain ${id}`,
      )
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    waitMs = Math.min(MAX_WAIT_MS, waitMs * 1.3)
  }
}

const REDRAW_MS = 250

/** One redrawn line on a terminal, otherwise a line per change; on stderr, so that stdout has only the result. */
export async function followWithProgress(
  session: Session,
  id: string,
  giveUpSeconds?: number,
  /** Start of the shown time, if it is not the submit, e.g. a retry by hand. */
  since?: number,
): Promise<Task> {
  const { stderr } = process
  if (!stderr.isTTY || session.isJson) {
    let last = ''
    return follow(session, id, {
      giveUpSeconds,
      onChange: (task) => {
        const line = progressLine(task, { now: Date.now(), columns: Number.POSITIVE_INFINITY, since })
        const state = line.replace(/ {2}\S+ \S+$/, '')
        if (state !== last && !session.isJson) session.note(line)
        last = state
      },
    })
  }
  let seen: Task | undefined
  const draw = () =>
    seen &&
    stderr.write(`\r\x1b[K${progressLine(seen, { now: Date.now(), columns: stderr.columns - 1, since })}`)
  const timer = setInterval(draw, REDRAW_MS)
  const onInterrupt = () => {
    stderr.write(`\nThe task goes on. Look again: npx taskrunner watch ${id}\n`)
    process.exit(130)
  }
  process.once('SIGINT', onInterrupt)
  try {
    return await follow(session, id, {
      giveUpSeconds,
      onChange: (task) => {
        seen = task
        draw()
      },
    })
  } finally {
    clearInterval(timer)
    process.off('SIGINT', onInterrupt)
    if (seen) stderr.write('\n')
  }
}

/** Writes the result to stdout, or the reason why there is none to stderr. */
export function printResult(session: Session, task: Task): void {
  if (task.status !== 'COMPLETED') session.exit(EXIT.taskFailed)
  if (session.isJson || task.status === 'COMPLETED') {
    session.out(session.isJson ? JSON.stringify(task, null, 2) : resultText(task))
    return
  }
  const why = task.error ? ` (${oneLine(`${task.error.code}: ${task.error.message}`)})` : ''
  session.note(`Task ${task.id} is ${task.status}${why}. Run it again: npx taskrunner retry ${task.id}`)
}
