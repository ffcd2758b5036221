import { usageError } from '../cli/failure.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

const MAX_PASSES = 5

export const addErase: AddCommand = (program) => {
  program
    .command('erase')
    .description('delete the content of a finished task, or with --tenant everything of a tenant')
    .argument('[id]', 'of the task')
    .option(
      '--tenant <name>',
      'everything of this tenant: tasks, files, workflows, schedules, webhooks, keys',
    )
    .option('--yes', 'with --tenant: confirm the deletion')
    .action(async (id: string | undefined, { tenant, yes }: { tenant?: string; yes?: true }, command) => {
      if ((id === undefined) === (tenant === undefined))
        throw usageError('Give the id of a task, or --tenant with a name.')
      if (tenant !== undefined && !yes)
        throw usageError(`Everything of tenant ${tenant} will be deleted. Add --yes to confirm.`)
      const session = await openSession(command)
      if (tenant === undefined) {
        await session.api.call('eraseTask', { params: { id: id ?? '' } })
        return session.show({ id, erased: true }, () => `Input and result of task ${id} are deleted.`)
      }
      const total = { tenant, rows: 0, objects: 0 }
      // Repeated until a whole pass finds nothing, because running work may have written meanwhile.
      for (let pass = 0, found = true; found && pass < MAX_PASSES; pass += 1) {
        found = false
        let from: string | null = null
        do {
          const done: { rows: number; objects: number; next: string | null } = await session.api.json(
            'eraseTenant',
            { body: { tenant, ...(from ? { from } : {}) } },
          )
          total.rows += done.rows
          total.objects += done.objects
          found ||= done.rows + done.objects > 0
          from = done.next
        } while (from !== null)
      }
      session.show(
        total,
        () => `${total.rows} rows and ${total.objects} objects of tenant ${tenant} are deleted.`,
      )
    })
}
