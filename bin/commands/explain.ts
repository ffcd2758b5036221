import type { Explanation } from '../../lib/client/types.ts'
import { facts, oneLine, type Paint, paintStatus } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

/** `explain`: which gate holds the task, and when it can next run. */
export const addExplain: AddCommand = (program) => {
  program
    .command('explain')
    .description('say what holds a task, and when it can next run')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('explainTask', { params: { id } })
      session.show(answer, () => explanationText(answer, session.paint))
    })
}

export function explanationText(answer: Explanation, paint: Paint): string {
  const value = (fact: unknown) => oneLine(typeof fact === 'string' ? fact : JSON.stringify(fact))
  const lines = facts(
    [
      ['gate', answer.gate],
      ['next at', answer.next_at ?? undefined],
      ...Object.entries(answer.facts).map(
        ([name, fact]) => [name.replaceAll('_', ' '), value(fact)] as const,
      ),
    ],
    paint,
  )
  return `${paint('bold', answer.task_id)}  ${paintStatus(paint, answer.status)}  ${oneLine(answer.message)}\n${lines}`
}
