import { type AddCommand, openSession } from '../cli/session.ts'

/** `cancel`: cancels a task; after its answer no result can be written. */
export const addCancel: AddCommand = (program) => {
  program
    .command('cancel')
    .description('cancel a task, also while it runs')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      const task = await session.api.json('cancelTask', { params: { id } })
      session.show(task, () => `${task.id} is ${task.status}.`)
    })
}
