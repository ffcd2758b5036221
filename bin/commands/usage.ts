import type { Usage } from '../../lib/client/types.ts'
import { costText, type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { parseWholeNumber } from '../cli/values.ts'

export const addUsage: AddCommand = (program) => {
  program
    .command('usage')
    .description('show tokens and cost by model, type, day and tag')
    .option('--hours <n>', 'number of past hours', parseWholeNumber, 24)
    .action(async (options: { hours: number }, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('getUsage', { query: { hours: options.hours } })
      session.show(answer, () => usageText(answer, session.paint))
    })
}

export function usageText(answer: Usage, paint: Paint): string {
  const numbers = (use: Usage['by_type'][string]) => [
    String(use.tasks),
    String(use.input_tokens),
    String(use.output_tokens),
    costText(use.cost_usd),
  ]
  const rows = Object.entries(answer.by_model).map(([model, use]) => [model, use.provider, ...numbers(use)])
  const lines = (head: string, of: Usage['by_type']) =>
    table(
      [head, 'TASKS', 'IN', 'OUT', 'COST'],
      Object.entries(of).map(([name, use]) => [name, ...numbers(use)]),
      {
        paint,
      },
    )
  const sum = `Since ${answer.since}: ${answer.input_tokens} tokens in, ${answer.output_tokens} out, ${costText(answer.cost_usd)}${answer.saved_usd > 0 ? `, ${costText(answer.saved_usd)} saved by cheaper price tiers` : ''}`
  if (rows.length === 0) return sum
  const models = table(['MODEL', 'PROVIDER', 'TASKS', 'IN', 'OUT', 'COST'], rows, { paint })
  return [
    sum,
    models,
    lines('TYPE', answer.by_type),
    lines('DAY', answer.by_day),
    ...(Object.keys(answer.by_tag).length > 0 ? [lines('TAG', answer.by_tag)] : []),
  ].join('\n')
}
