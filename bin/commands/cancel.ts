import type { Task } from '../../lib/client/types.ts'
import { CliError } from '../cli/failure.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

/** `cancel`: cancels tasks; after its answer no result can be written. The others are cancelled also when one cannot be. */
export const addCancel: AddCommand = (program) => {
  program
    .command('cancel')
    .description('cancel tasks, also while they run')
    .argument('<id...>')
    .action(async (ids: readonly string[], _options, command) => {
      const session = await openSession(command)
      const cancelled: Task[] = []
      let failure: CliError | undefined
      for (const id of ids)
        try {
          cancelled.push(await session.api.json('cancelTask', { params: { id } }))
        } catch (cause) {
          // Without an answer of the stage the others would fail in the same way.
          if (ids.length === 1 || !(cause instanceof CliError && cause.problem)) throw cause
          session.note(`${id}: ${cause.message}`)
          failure ??= cause
        }
      session.show(ids.length === 1 ? cancelled[0] : { tasks: cancelled }, () =>
        cancelled.map(({ id, status }) => `${id} is ${status}.`).join('\n'),
      )
      if (failure) session.exit(failure.exitCode)
    })
}
