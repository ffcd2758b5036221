import { Argument } from 'commander'
import { LANES } from '../../functions/contract.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

export const addResume: AddCommand = (program) => {
  program
    .command('resume')
    .description('resume a paused lane')
    .addArgument(new Argument('<lane>').choices(LANES))
    .action(async (lane: string, _options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('resumeQueue', { params: { lane } })
      session.show(answer, () => `Lane ${answer.lane} is ${answer.is_paused ? 'paused' : 'open'}.`)
    })
}
