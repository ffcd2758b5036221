// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { getLimitsRoute } from '../routes/limits/get-limits.ts'
import { setLimitsRoute } from '../routes/limits/set-limits.ts'
import { createScheduleRoute } from '../routes/schedules/create-schedule.ts'
import { deleteScheduleRoute } from '../routes/schedules/delete-schedule.ts'
import { getScheduleRoute } from '../routes/schedules/get-schedule.ts'
import { listSchedulesRoute } from '../routes/schedules/list-schedules.ts'
import { pauseScheduleRoute } from '../routes/schedules/pause-schedule.ts'
import { resumeScheduleRoute } from '../routes/schedules/resume-schedule.ts'
import { runScheduleRoute } from '../routes/schedules/run-schedule.ts'
import { updateScheduleRoute } from '../routes/schedules/update-schedule.ts'
import { listTaskTypesRoute } from '../routes/service/list-task-types.ts'
import { createWebhookRoute } from '../routes/webhooks/create-webhook.ts'
import { deleteWebhookRoute } from '../routes/webhooks/delete-webhook.ts'
import { getWebhookSecretRoute } from '../routes/webhooks/get-webhook-secret.ts'
import { listDeliveriesRoute } from '../routes/webhooks/list-deliveries.ts'
import { listWebhooksRoute } from '../routes/webhooks/list-webhooks.ts'
import { resendDeliveriesRoute } from '../routes/webhooks/resend-deliveries.ts'
import { resendDeliveryRoute } from '../routes/webhooks/resend-delivery.ts'
import { rotateWebhookSecretRoute } from '../routes/webhooks/rotate-webhook-secret.ts'
import { cancelWorkflowRoute } from '../routes/workflows/cancel-workflow.ts'
import { getWorkflowRoute } from '../routes/workflows/get-workflow.ts'
import { listWorkflowsRoute } from '../routes/workflows/list-workflows.ts'
import { retryWorkflowRoute } from '../routes/workflows/retry-workflow.ts'
import { signalWorkflowRoute } from '../routes/workflows/signal-workflow.ts'
import { submitWorkflowRoute } from '../routes/workflows/submit-workflow.ts'

export const handler = httpHandler([
  getLimitsRoute,
  setLimitsRoute,
  createScheduleRoute,
  deleteScheduleRoute,
  getScheduleRoute,
  listSchedulesRoute,
  pauseScheduleRoute,
  resumeScheduleRoute,
  runScheduleRoute,
  updateScheduleRoute,
  listTaskTypesRoute,
  createWebhookRoute,
  deleteWebhookRoute,
  getWebhookSecretRoute,
  listDeliveriesRoute,
  listWebhooksRoute,
  resendDeliveriesRoute,
  resendDeliveryRoute,
  rotateWebhookSecretRoute,
  cancelWorkflowRoute,
  getWorkflowRoute,
  listWorkflowsRoute,
  retryWorkflowRoute,
  signalWorkflowRoute,
  submitWorkflowRoute,
])
