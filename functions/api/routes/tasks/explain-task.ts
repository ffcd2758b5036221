import { ENV } from '../../../contract.ts'
import { explainTask } from '../../../core/application/operate/explain-task.ts'
import { circuitOfModel } from '../../../core/domain/model-routes.ts'
import {
  clock,
  openCircuits,
  openDepths,
  openLanes,
  openStore,
  openWorkerSlots,
  readConfig,
} from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { explainAnswer } from '../../schemas/operate.ts'
import { taskParams } from '../../schemas/task.ts'
import { iso } from '../../schemas/time.ts'

export const explainTaskRoute = defineRoute({
  method: 'GET',
  path: '/tasks/{id}/explain',
  function: 'api-operate',
  scope: 'tasks:read',
  summary: 'Explain why a task waits, and until when',
  params: taskParams,
  answers: { 200: { description: 'As a text, with the facts it is based on.', schema: explainAnswer } },
  problems: [404],
  mcp: { tool: 'explain_task' },
  needs: () => {
    const routes = readConfig([ENV.modelRoutes]).MODEL_ROUTES
    return {
      store: openStore(),
      depths: openDepths(),
      circuits: openCircuits(),
      lanes: openLanes(),
      workerSlots: openWorkerSlots(),
      clock,
      circuitOf: (model: string) => circuitOfModel(routes, model),
    }
  },
  handle: async ({ tenant, params: { id } }, needs) => {
    const { task, gate, message, nextAt, facts } = await explainTask(needs, { tenant, id })
    return {
      status: 200,
      body: {
        task_id: task.id,
        status: task.status,
        gate,
        message,
        next_at: iso(nextAt),
        facts: { ...facts },
      },
    }
  },
})
