import type { Queues } from '../../lib/client/types.ts'
import { durationText, type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

export const addQueues: AddCommand = (program) => {
  program
    .command('queues')
    .description('show how many tasks wait in every lane')
    .action(async (_options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('listQueues')
      session.show(answer, () => queueTable(answer, session.paint))
    })
}

export const queueTable = ({ queues }: Queues, paint: Paint): string =>
  table(
    ['LANE', 'WAITING', 'IN FLIGHT', 'DELAYED', 'DEAD', 'SLOTS', 'OLDEST', 'STATE'],
    queues.map((lane) => [
      lane.lane,
      String(lane.visible),
      String(lane.in_flight),
      String(lane.delayed),
      lane.dead_letters > 0 ? paint('red', String(lane.dead_letters)) : '0',
      lane.slots_paid > 0 ? `${lane.slots_used}/${lane.slots_paid}` : '-',
      lane.oldest_due_age_seconds === null ? '-' : durationText(lane.oldest_due_age_seconds * 1_000),
      lane.is_paused ? 'paused' : 'open',
    ]),
    { paint },
  )
