import type { Json } from '../../lib/client/types.ts'
import { type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

type Circuits = Json<'listCircuits'>

export const addCircuits: AddCommand = (program) => {
  const circuits = program
    .command('circuits')
    .description('show the models whose calls are paused because they keep failing')
    .action(async (_options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('listCircuits')
      session.show(answer, () => circuitTable(answer, session.paint))
    })
  circuits
    .command('close')
    .description('resume the calls of a model at once')
    .argument('<name>', 'name in the output of `circuits`, e.g. openai:gpt-4o')
    .action(async (name: string, _options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('closeCircuit', { body: { name } })
      session.show(answer, () => `${answer.name} is closed: its calls go on, few at first.`)
    })
}

export const circuitTable = ({ circuits }: Circuits, paint: Paint): string =>
  circuits.length === 0
    ? 'No model keeps failing.'
    : table(
        ['CIRCUIT', 'STATE', 'UNTIL', 'OPENED', 'TASKS', 'LAST ERROR'],
        circuits.map(({ name, is_open, open_until, opens, tasks, code }) => [
          name,
          is_open ? paint('red', 'open') : 'closed',
          open_until ?? '-',
          `${opens}×`,
          String(tasks),
          code,
        ]),
        { paint },
      )
