import { EVENTS_SCENARIO } from './caller-scenarios.ts'
import { MOVE_SCENARIO } from './scenarios.ts'

/**
 * What a cloud or emulator does not support, by the title of the scenario that shows it. The scenario still runs there and must
 * fail. When it passes, the suite fails and asks to remove the line here.
 */
export interface Gap {
  readonly scenario: string
  readonly reason: string
}
export type CloudName = 'local' | 'ministack' | 'localstack'

/** Both add a path prefix to the API's address, and their events do not contain it. */
const LINKS = {
  scenario: 'Location and links lead back to the task, as a client follows them',
  reason: 'its address form /_aws/execute-api/<id> is in no event',
}

/**
 * Their gateways invoke every function without response streaming, and without the `awslambda` object that a streaming handler
 * writes to.
 */
const EVENTS = {
  scenario: EVENTS_SCENARIO,
  reason: 'its gateway knows no response streaming',
}

const MOVE = { scenario: MOVE_SCENARIO, reason: 'its SQS has no StartMessageMoveTask' }

export const KNOWN_GAPS: Readonly<Record<CloudName, readonly Gap[]>> = {
  local: [MOVE],
  ministack: [LINKS, EVENTS, MOVE],
  localstack: [
    LINKS,
    EVENTS,
    {
      scenario: 'a message that was lost is sent again by the sweeper, which the timer starts',
      reason: 'EventBridge Scheduler stores schedules and fires none',
    },
  ],
}
