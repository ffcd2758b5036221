import type { TallyStep } from '../core/application/shared/follow-up.ts'
import type { Task } from '../core/domain/task.ts'

/** Loaded at the first end of a task, so that submits do not load it. */
const loadTally = async (): Promise<TallyStep> => (await import('./tallies.ts')).openTallyStep()

export const tally: TallyStep = Object.assign(async (task: Task) => (await loadTally())(task), {
  confirm: (task: Task) => void loadTally().then((step) => step.confirm(task)),
})
