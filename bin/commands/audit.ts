import { table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { parseWholeNumber } from '../cli/values.ts'

export const addAudit: AddCommand = (program) => {
  program
    .command('audit')
    .description('show who changed what: every call that changed something, except submits')
    .option('--tenant <name>', 'another tenant than your own; only for operators')
    .option('--target <id>', 'only changes of this task, key or lane')
    .option('--by <key>', 'only changes by this key')
    .option('-n, --limit <n>', 'how many, 100 at most', parseWholeNumber, 20)
    .action(async (query: Readonly<Record<string, string | number | undefined>>, command) => {
      const session = await openSession(command)
      const { tenant, target, by, limit } = query as {
        tenant?: string
        target?: string
        by?: string
        limit: number
      }
      const page = await session.api.json('listAudit', { query: { tenant, target, by, limit } })
      session.show(page, () =>
        page.entries.length === 0
          ? 'Nothing is recorded.'
          : table(
              ['AT', 'BY', 'ACTION', 'TARGET', 'STATUS', 'BEFORE', 'AFTER'],
              page.entries.map((entry) => [
                entry.at,
                entry.by ?? '-',
                entry.action,
                entry.target ?? '-',
                String(entry.status ?? '-'),
                entry.before ?? '-',
                entry.after ?? '-',
              ]),
              { paint: session.paint },
            ),
      )
    })
}
