import { openEstimates, type WaitEstimates } from '../core/application/tasks/estimate-wait.ts'
import { clock, openLanes, openQueue, openRecentRuns, openWatermarks } from './lambda.ts'

let estimates: WaitEstimates | undefined

/** One for all routes of an environment: they ask about the same lanes. */
export const openWaitEstimates = (): WaitEstimates => {
  estimates ??= openEstimates({
    queue: openQueue(false),
    recentRuns: openRecentRuns(),
    lanes: openLanes(),
    watermarks: openWatermarks(),
    clock,
  })
  return estimates
}
