import { type Circuit, closedCircuit } from '../../domain/circuit.ts'
import { RequestError } from '../../domain/errors.ts'
import { nearestText } from '../../domain/nearest-name.ts'
import type { CircuitStore } from '../../ports/circuit-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

interface Dependencies {
  readonly circuits: CircuitStore
  readonly clock: Clock
  readonly log: Log
}

/** Tries, because workers may write the same circuit at the same time. */
const MAX_TRIES = 5

/** All circuits that are open or have recent failures, open ones first. */
export async function listCircuits({
  circuits,
}: Pick<Dependencies, 'circuits'>): Promise<readonly (Circuit & { readonly name: string })[]> {
  return [...(await circuits.readAll())]
    .map(([name, circuit]) => ({ name, ...circuit }))
    .filter(({ tasks, until }) => until !== undefined || tasks.length > 0)
    .sort((left, right) => (right.until ?? 0) - (left.until ?? 0) || left.name.localeCompare(right.name))
}

/**
 * Closes a circuit by hand: calls start at once, few at first. If the model still fails, the circuit opens again.
 *
 * @throws RequestError `not_found` for an unknown name.
 */
export async function closeCircuit({ circuits, clock, log }: Dependencies, name: string): Promise<void> {
  for (let left = MAX_TRIES; left > 0; left -= 1) {
    const known = await circuits.readAll()
    const circuit = known.get(name)
    if (!circuit) {
      const open = [...known.keys()]
      throw new RequestError(
        'not_found',
        open.length > 0
          ? `There is no circuit "${name}".${nearestText(name, open)} Known: ${open.slice(0, 30).join(', ')}.`
          : `There is no circuit "${name}": no model has failed in the last day.`,
      )
    }
    if (await circuits.replace(name, circuit, closedCircuit(circuit, clock.now()))) {
      log('circuit.closed', { provider: name, opens: circuit.opens, by: 'hand' })
      return
    }
  }
  throw new RequestError('wrong_state', `The circuit "${name}" is being written by many workers. Try again.`)
}
