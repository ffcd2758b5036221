import { ENV } from '../contract.ts'
import { explainTask } from '../core/application/operate/explain-task.ts'
import { circuitOf } from '../core/application/run/meter-model.ts'
import { routeModel } from '../core/domain/model-routes.ts'
import {
  clock,
  type Door,
  openCircuits,
  openLanes,
  openQueue,
  openStore,
  readConfig,
} from '../hosts/lambda.ts'
import { iso } from './schemas/task-json.ts'

const routes = readConfig([ENV.modelRoutes]).MODEL_ROUTES
const dependencies = {
  store: openStore(),
  queue: openQueue(false),
  circuits: openCircuits(),
  lanes: openLanes(),
  clock,
  circuitOf: (model: string) => {
    const provider = routeModel(routes, model)
    return provider && circuitOf(provider, model)
  },
}

/** GET /tasks/{id}/explain — which gate holds the task, in words, and when it can next run. */
export const explainTaskDoor: Door = async ({ tenant, parameters }) => {
  const { task, gate, message, nextAt, facts } = await explainTask(dependencies, {
    tenant,
    id: parameters.id ?? '',
  })
  return {
    status: 200,
    body: { task_id: task.id, status: task.status, gate, message, next_at: iso(nextAt), facts },
  }
}
