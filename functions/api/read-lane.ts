import { LANES, type Lane } from '../contract.ts'
import { RequestError } from '../core/domain/errors.ts'
import { nearestText } from '../core/domain/nearest-name.ts'

/** @throws RequestError `not_found` for an unknown lane. */
export function readLane(name = ''): Lane {
  const lane = LANES.find((known) => known === name)
  if (lane) return lane
  throw new RequestError(
    'not_found',
    `There is no lane "${name.slice(0, 100)}".${nearestText(name, LANES)} There are: ${LANES.join(', ')}.`,
  )
}
