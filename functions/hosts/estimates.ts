import { ENV } from '../contract.ts'
import { openEstimates, type WaitEstimates } from '../core/application/tasks/estimate-wait.ts'
import { circuitOfModel } from '../core/domain/model-routes.ts'
import {
  clock,
  openCircuits,
  openDepths,
  openLanes,
  openRecentRuns,
  openWatermarks,
  readConfig,
} from './lambda.ts'

let estimates: WaitEstimates | undefined

/** One instance for all routes of an environment, because they share the cached values. */
export const openWaitEstimates = (): WaitEstimates => {
  const routes = readConfig([ENV.modelRoutes]).MODEL_ROUTES
  estimates ??= openEstimates({
    depths: openDepths(),
    recentRuns: openRecentRuns(),
    lanes: openLanes(),
    watermarks: openWatermarks(),
    circuits: openCircuits(),
    circuitOf: (model) => circuitOfModel(routes, model),
    clock,
  })
  return estimates
}
