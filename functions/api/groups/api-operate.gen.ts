// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { closeCircuitRoute } from '../routes/circuits/close-circuit.ts'
import { listCircuitsRoute } from '../routes/circuits/list-circuits.ts'
import { listQueuesRoute } from '../routes/queues/list-queues.ts'
import { pauseQueueRoute } from '../routes/queues/pause-queue.ts'
import { redriveQueueRoute } from '../routes/queues/redrive-queue.ts'
import { resumeQueueRoute } from '../routes/queues/resume-queue.ts'
import { checkHealthRoute } from '../routes/service/check-health.ts'
import { explainTaskRoute } from '../routes/tasks/explain-task.ts'
import { getStatsRoute } from '../routes/usage/get-stats.ts'
import { getUsageRoute } from '../routes/usage/get-usage.ts'

export const handler = httpHandler([
  closeCircuitRoute,
  listCircuitsRoute,
  listQueuesRoute,
  pauseQueueRoute,
  redriveQueueRoute,
  resumeQueueRoute,
  checkHealthRoute,
  explainTaskRoute,
  getStatsRoute,
  getUsageRoute,
])
