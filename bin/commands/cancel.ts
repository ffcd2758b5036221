import type { TaskAnswer } from '../cli/answers.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { idPath } from '../cli/values.ts'

/** `cancel`: from its answer on no result lands. */
export const addCancel: AddCommand = (program) => {
  program
    .command('cancel')
    .description('cancel a task, also while it runs')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      const task = await session.api.post<TaskAnswer>(`${idPath(id)}/cancel`)
      session.show(task, () => `${task.id} is ${task.status}.`)
    })
}
