import { Argument } from 'commander'
import { LANES } from '../../functions/contract.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

/** `pause`: pauses a lane, which still accepts tasks but starts none. */
export const addPause: AddCommand = (program) => {
  program
    .command('pause')
    .description('pause a lane; running tasks finish')
    .addArgument(new Argument('<lane>').choices(LANES))
    .action(async (lane: string, _options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('pauseQueue', { params: { lane } })
      session.show(answer, () => `Lane ${answer.lane} is ${answer.is_paused ? 'paused' : 'open'}.`)
    })
}
