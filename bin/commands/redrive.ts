import { Argument } from 'commander'
import { LANES } from '../../functions/contract.ts'
import type { Redrive } from '../../lib/client/types.ts'
import { facts, type Paint } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { instant, positive, wholeNumber } from '../cli/values.ts'

interface RedriveOptions {
  readonly type?: string
  readonly errorCode?: string
  readonly failedAfter?: string
  readonly failedBefore?: string
  readonly limit?: number
  readonly pace?: number
  readonly dryRun?: boolean
}

/** `redrive`: the dead letters of a lane run again, each once. */
export const addRedrive: AddCommand = (program) => {
  program
    .command('redrive')
    .description('run the failed tasks of a lane again; --dry-run only counts them')
    .addArgument(new Argument('<lane>').choices(LANES))
    .option('--dry-run', 'say what would run again, and do nothing')
    .option('-t, --type <name>', 'only this task type')
    .option('-e, --error-code <code>', 'only failures with this code')
    .option('--failed-after <time>', 'a time, or a span before now (2h)', instant)
    .option('--failed-before <time>', 'a time, or a span before now', instant)
    .option('-n, --limit <n>', 'at most so many', wholeNumber)
    .option('--pace <per-second>', 'so many a second, to spare a provider that recovers', positive)
    .action(async (lane: string, options: RedriveOptions, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('redriveQueue', {
        params: { lane },
        body: {
          ...(options.type ? { type: options.type } : {}),
          ...(options.errorCode ? { error_code: options.errorCode } : {}),
          ...(options.failedAfter ? { failed_after: options.failedAfter } : {}),
          ...(options.failedBefore ? { failed_before: options.failedBefore } : {}),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
          ...(options.pace === undefined ? {} : { pace_per_second: options.pace }),
          dry_run: options.dryRun === true,
        },
      })
      session.show(answer, () => redriveText(answer, session.paint))
    })
}

export function redriveText(answer: Redrive, paint: Paint): string {
  const { lane, matched, redriven, remaining, by_error: byError, tasks } = answer
  const head = answer.dry_run
    ? `${matched} failed tasks of lane ${lane} would run again. Nothing was changed.`
    : `${redriven} of ${matched} failed tasks of lane ${lane} run again, ${remaining} remain.`
  const codes = facts(
    Object.entries(byError).map(([code, count]) => [code, String(count)] as const),
    paint,
  )
  return [head, ...(codes ? [codes] : []), ...tasks].join('\n')
}
