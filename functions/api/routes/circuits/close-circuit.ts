import { closeCircuit } from '../../../core/application/operate/close-circuit.ts'
import { clock, log, openCircuits } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { closeCircuitAnswer, closeCircuitBody } from '../../schemas/operate.ts'

export const closeCircuitRoute = defineRoute({
  method: 'POST',
  path: '/circuits/close',
  function: 'api-operate',
  scope: 'ops:write',
  summary: 'Close a circuit',
  description: 'Calls resume at once, few at first. If the model still fails, the circuit opens again.',
  body: { schema: closeCircuitBody },
  answers: { 200: { description: 'It is closed.', schema: closeCircuitAnswer } },
  problems: [404, 409],
  needs: () => ({ circuits: openCircuits(), clock, log }),
  handle: async ({ body }, needs) => {
    await closeCircuit(needs, body.name)
    return { status: 200, body: { name: body.name, is_open: false } }
  },
})
