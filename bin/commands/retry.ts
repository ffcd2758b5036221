import { followWithProgress, printResult } from '../cli/follow.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { parsePositive } from '../cli/values.ts'

/** `retry`: starts the next epoch of a task that failed, was cancelled or expired. */
export const addRetry: AddCommand = (program) => {
  program
    .command('retry')
    .description('run a failed, cancelled or expired task again')
    .argument('<id>')
    .option('-w, --wait', 'wait for the end and print the result')
    .option('--give-up <seconds>', 'with --wait: exit with 6 when it runs longer', parsePositive)
    .action(async (id: string, options: { wait?: boolean; giveUp?: number }, command) => {
      const session = await openSession(command)
      const since = Date.now()
      const task = await session.api.json('retryTask', { params: { id } })
      if (options.wait)
        return printResult(session, await followWithProgress(session, id, options.giveUp, since))
      session.show(task, () => `${task.id} is ${task.status}, epoch ${task.epoch}.`)
    })
}
