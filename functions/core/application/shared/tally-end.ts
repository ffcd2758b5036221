import { additionOf } from '../../domain/tally.ts'
import type { TallyStore } from '../../ports/tally-store.ts'
import type { TallyStep } from './follow-up.ts'

/** Adds the end of a task and its usage to its tenant's hourly and daily statistics. Idempotent. */
export const tallyEnd = (tallies: TallyStore): TallyStep =>
  Object.assign(
    async (task: Parameters<TallyStep>[0]) => {
      const addition = additionOf(task)
      const additions = await tallies.add(addition)
      return { ...addition.usage, epoch: task.epoch, additions }
    },
    { confirm: (task: Parameters<TallyStep>[0]) => tallies.confirm(task) },
  )
