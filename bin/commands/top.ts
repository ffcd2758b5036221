import type { Queues, Task } from '../../lib/client/types.ts'
import { CliError, EXIT } from '../cli/failure.ts'
import { durationText, forTerminal, type Paint, progressBarText, table } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session, unlessMissingRoute } from '../cli/session.ts'
import { taskSummary } from '../cli/task-text.ts'
import { parsePositive } from '../cli/values.ts'
import { tasksOf } from './inspect.ts'
import { queueTable } from './queues.ts'

export interface Snapshot {
  readonly queues: Queues['queues'] | null
  readonly active: readonly Task[]
}

/** `top`: shows queues and running tasks, redrawn on a terminal; elsewhere, or with `--once`, printed once. */
export const addTop: AddCommand = (program) => {
  program
    .command('top')
    .description('watch queues and running tasks')
    .option('--every <seconds>', 'redraw so often', parsePositive, 2)
    .option('--once', 'print once')
    .action(async (options: { every: number; once?: boolean }, command) => {
      const session = await openSession(command)
      if (!session.isLive || options.once) {
        const snapshot = await readSnapshot(session)
        return session.show(snapshot, () => topText(snapshot, { ...session, now: Date.now() }))
      }
      await redraw(session, options.every * 1_000)
    })
}

async function readSnapshot(session: Session): Promise<Snapshot> {
  const [queues, active] = await Promise.all([
    unlessMissingRoute(session.api.json('listQueues')),
    tasksOf(session, ['PROCESSING']),
  ])
  return { queues: queues?.queues ?? null, active }
}

async function redraw(session: Session, everyMs: number): Promise<void> {
  const { stdout } = process
  // The terminal's alternate screen, so that its content is restored at the end.
  stdout.write('\x1b[?1049h\x1b[?25l')
  process.once('exit', () => stdout.write('\x1b[?25h\x1b[?1049l'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
  for (;;) {
    const text = await readSnapshot(session).then(
      (snapshot) => topText(snapshot, { paint: session.paint, columns: stdout.columns, now: Date.now() }),
      (cause: unknown) => {
        // Wait for a stage that restarts; a refused key is an error.
        if (cause instanceof CliError && cause.exitCode === EXIT.unreachable) return cause.message
        throw cause
      },
    )
    const head = `${session.target.base}  ${new Date().toISOString().slice(11, 19)}  Ctrl-C ends`
    stdout.write(frameOf(head, text, stdout))
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** The text that overwrites the last frame. */
export function frameOf(
  head: string,
  text: string,
  terminal: { readonly isTTY?: boolean; readonly rows: number },
): string {
  const lines = [head, '', ...text.split('\n')].slice(0, terminal.rows - 1)
  return `\x1b[H${lines.map((line) => `${forTerminal(line, terminal)}\x1b[K`).join('\n')}\x1b[J`
}

export function topText(
  { queues, active }: Snapshot,
  { now, paint, columns }: { now: number; paint: Paint; columns: number },
): string {
  const above = queues ? queueTable({ queues }, paint) : 'This stage’s version has no GET /queues.'
  if (active.length === 0) return `${above}\n\nNo task runs.`
  const running = table(
    ['ID', 'TYPE', 'LANE', 'TRY', 'RUNS', 'PROGRESS', 'ABOUT'],
    active.map((task) => [
      task.id,
      task.type,
      task.lane,
      `${task.attempts}/${task.max_attempts}`,
      task.started_at ? durationText(now - Date.parse(task.started_at)) : '-',
      progressBarText(task.progress?.percent ?? 0, 10),
      taskSummary(task),
    ]),
    { paint, columns },
  )
  return `${above}\n\n${running}`
}
