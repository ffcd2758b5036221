import { listCircuits } from '../../../core/application/operate/close-circuit.ts'
import { openCircuits } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { circuitsAnswer } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

export const listCircuitsRoute = defineRoute({
  method: 'GET',
  path: '/circuits',
  function: 'api-operate',
  scope: 'ops:read',
  summary: 'List the models whose calls are paused',
  description: 'One entry per provider and model with recent failures, open ones first.',
  answers: { 200: { description: 'Empty when no model fails.', schema: circuitsAnswer } },
  needs: () => ({ circuits: openCircuits() }),
  handle: async (_, needs) => ({
    status: 200,
    body: {
      circuits: (await listCircuits(needs)).map(({ name, code, until, opens, tasks, lastFailedAt }) => ({
        name,
        is_open: until !== undefined,
        open_until: iso(until),
        opens,
        code,
        tasks: tasks.length,
        last_failed_at: iso(lastFailedAt),
      })),
    },
  }),
})
