import { EXIT } from '../cli/failure.ts'
import { follow, followWithProgress, printResult } from '../cli/follow.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { parsePositive } from '../cli/values.ts'

/** `watch`: shows progress until the end, then the result. With `--json`, one line per change. */
export const addWatch: AddCommand = (program) => {
  program
    .command('watch')
    .description('follow a task to its end and print its result')
    .argument('<id>')
    .option('--give-up <seconds>', 'exit with 6 when it runs longer', parsePositive)
    .action(async (id: string, options: { giveUp?: number }, command) => {
      const session = await openSession(command)
      if (!session.isJson) return printResult(session, await followWithProgress(session, id, options.giveUp))
      const task = await follow(session, id, {
        giveUpSeconds: options.giveUp,
        onChange: (change) => session.out(JSON.stringify(change)),
      })
      if (task.status !== 'COMPLETED') session.exit(EXIT.taskFailed)
    })
}
