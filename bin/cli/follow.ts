/** Waits for a task's end, showing its way there. */
import { isFinal, type Task } from '../../lib/client/types.ts'
import { CliError, EXIT } from './failure.ts'
import { oneLine } from './screen.ts'
import type { Session } from './session.ts'
import { progressLine, resultText } from './task-text.ts'

/** Of one call; a stage waits 25 s at most. */
const WAIT_SECONDS = 20
const FIRST_MS = 200
const LONGEST_MS = 1_000
/** After this long without an answer the stage counts as gone. */
const PATIENCE_MS = 30_000

export interface FollowOptions {
  readonly giveUpSeconds?: number | undefined
  /** Called with every new state of the task. */
  readonly onChange?: (task: Task) => void
}

/** @throws CliError when it is not known, or still runs at the end of the time. */
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
      // The stage holds the call until the task changes; the first look is answered at once.
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
        Date.now() - answeredAt < PATIENCE_MS
      // A wrong address never answered: waiting would only hide it.
      if (!isPassing || !task) throw cause
    }
    if (task && isFinal(task.status)) return task
    if (giveUpSeconds !== undefined && Date.now() - startedAt > giveUpSeconds * 1_000)
      throw new CliError(
        EXIT.stillRunning,
        `Task ${id} is still ${task?.status ?? 'unknown'} after ${giveUpSeconds} s. It goes on; see: npx taskrunner explain ${id}`,
      )
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    waitMs = Math.min(LONGEST_MS, waitMs * 1.3)
  }
}

const REDRAW_MS = 250

/** On a terminal one line that is redrawn, else a line per change; on stderr, so that stdout is the result alone. */
export async function followLoudly(
  session: Session,
  id: string,
  giveUpSeconds?: number,
  /** From when the time is counted, where it is not the submit: a retry by hand. */
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

/** The result on stdout, or why there is none on stderr. */
export function tellEnd(session: Session, task: Task): void {
  if (task.status !== 'COMPLETED') session.exit(EXIT.taskFailed)
  if (session.isJson || task.status === 'COMPLETED') {
    session.out(session.isJson ? JSON.stringify(task, null, 2) : resultText(task))
    return
  }
  const why = task.error ? ` (${oneLine(`${task.error.code}: ${task.error.message}`)})` : ''
  session.note(`Task ${task.id} is ${task.status}${why}. Run it again: npx taskrunner retry ${task.id}`)
}
