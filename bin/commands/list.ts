import { Option } from 'commander'
import { LANES, type Lane, LIMITS } from '../../functions/contract.ts'
import { STATUSES, type Status, type Task } from '../../lib/client/types.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { taskTable } from '../cli/task-text.ts'
import { parseInstant, parseWholeNumber } from '../cli/values.ts'

interface ListOptions {
  readonly status?: Status
  readonly type?: string
  readonly lane?: Lane
  readonly tag?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
  readonly cursor?: string
  readonly ids?: boolean
}

const upper = (value: string) => value.toUpperCase()

/** `list`: lists tasks, newest first. Reads as many pages as `--limit` needs. */
export const addList: AddCommand = (program) => {
  program
    .command('list')
    .description('list tasks, newest first')
    .addOption(
      new Option('-s, --status <status>', 'status')
        .choices(STATUSES.map((status) => status.toLowerCase()))
        .argParser(upper),
    )
    .option('-t, --type <name>', 'task type')
    .addOption(new Option('-l, --lane <lane>', 'lane').choices(LANES))
    .option('--tag <word>', 'tag')
    .option('--since <time>', 'created after: a time, or a span before now (2h)', parseInstant)
    .option('--until <time>', 'created before', parseInstant)
    .option('-n, --limit <n>', 'at most so many', parseWholeNumber, 20)
    .option('--cursor <cursor>', 'continue after the previous page')
    .option('-q, --ids', 'print only ids, one per line')
    .action(async (options: ListOptions, command) => {
      const session = await openSession(command)
      const tasks: Task[] = []
      let cursor = options.cursor ?? null
      do {
        const page = await session.api.json('listTasks', {
          query: {
            status: options.status,
            type: options.type,
            lane: options.lane,
            tag: options.tag,
            created_after: options.since,
            created_before: options.until,
            limit: Math.max(1, Math.min(LIMITS.pageSize, options.limit - tasks.length)),
            cursor: cursor ?? undefined,
          },
        })
        tasks.push(...page.tasks)
        cursor = page.next_cursor
      } while (cursor !== null && tasks.length < options.limit)
      if (options.ids && !session.isJson) {
        if (tasks.length > 0) session.out(tasks.map(({ id }) => id).join('\n'))
        return
      }
      const { paint, columns } = session
      session.show({ tasks, next_cursor: cursor }, () =>
        tasks.length === 0 ? 'No tasks.' : taskTable(tasks, { now: Date.now(), paint, columns }),
      )
      if (cursor !== null && !session.isJson)
        session.note(`More: --limit ${options.limit * 2}, or --cursor ${cursor}`)
    })
}
