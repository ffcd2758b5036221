import type { Usage } from '../../lib/client/types.ts'
import { dollars, type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { wholeNumber } from '../cli/values.ts'

/** `usage`: tokens and money by model. */
export const addUsage: AddCommand = (program) => {
  program
    .command('usage')
    .description('show tokens and cost by model')
    .option('--hours <n>', 'of the last so many hours', wholeNumber, 24)
    .action(async (options: { hours: number }, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('getUsage', { query: { hours: options.hours } })
      session.show(answer, () => usageText(answer, session.paint))
    })
}

export function usageText(answer: Usage, paint: Paint): string {
  const rows = Object.entries(answer.by_model).map(([model, usage]) => [
    model,
    usage.provider,
    String(usage.tasks),
    String(usage.input_tokens),
    String(usage.output_tokens),
    dollars(usage.cost_usd),
  ])
  const sum = `Since ${answer.since}: ${answer.input_tokens} tokens in, ${answer.output_tokens} out, ${dollars(answer.cost_usd)}${answer.is_partial ? ' (counted in part: there are more tasks than were read)' : ''}`
  if (rows.length === 0) return sum
  return `${sum}\n${table(['MODEL', 'PROVIDER', 'TASKS', 'IN', 'OUT', 'COST'], rows, { paint })}`
}
