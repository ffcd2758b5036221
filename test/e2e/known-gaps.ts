import { EVENTS_SCENARIO } from './caller-scenarios.ts'
import { MOVE_SCENARIO } from './scenarios.ts'

/**
 * What a foreign cloud cannot do, by the title of the scenario that shows it. The scenario still runs there, and has
 * to fail: one that passes makes the suite ask for its line here to go.
 */
export interface Gap {
  readonly scenario: string
  readonly reason: string
}
export type CloudName = 'local' | 'ministack' | 'localstack'

/** Both are reached by a path in front of the API's own, which their events do not tell a function of. */
const LINKS = {
  scenario: 'Location and links lead back to the task, as a client follows them',
  reason: 'its address form /_aws/execute-api/<id> is in no event',
}

/** Their gateways call every function by plain invocation, without the `awslambda` that a streaming handler writes to. */
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
