import { CliError, EXIT } from '../cli/failure.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { resultText, taskDetail } from '../cli/task-text.ts'

export const addGet: AddCommand = (program) => {
  program
    .command('get')
    .description('show a task')
    .argument('<id>')
    .option('--result', 'print only the result, unchanged')
    .action(async (id: string, options: { result?: boolean }, command) => {
      const session = await openSession(command)
      const task = await session.api.json('getTask', { params: { id } })
      if (!options.result)
        return session.show(task, () => taskDetail(task, { now: Date.now(), paint: session.paint }))
      if (task.status !== 'COMPLETED')
        throw new CliError(
          EXIT.taskFailed,
          `Task ${id} is ${task.status} and has no result. Wait for it: npx taskrunner watch ${id}`,
        )
      session.out(session.isJson ? JSON.stringify(task.result) : resultText(task))
    })
}
