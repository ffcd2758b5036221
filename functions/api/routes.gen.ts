// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import type { listAuditRoute } from './routes/audit/list-audit.ts'
import type { closeCircuitRoute } from './routes/circuits/close-circuit.ts'
import type { listCircuitsRoute } from './routes/circuits/list-circuits.ts'
import type { eraseTaskRoute } from './routes/data/erase-task.ts'
import type { eraseTenantRoute } from './routes/data/erase-tenant.ts'
import type { createKeyRoute } from './routes/keys/create-key.ts'
import type { listKeysRoute } from './routes/keys/list-keys.ts'
import type { revokeKeyRoute } from './routes/keys/revoke-key.ts'
import type { rotateKeyRoute } from './routes/keys/rotate-key.ts'
import type { getLimitsRoute } from './routes/limits/get-limits.ts'
import type { setLimitsRoute } from './routes/limits/set-limits.ts'
import type { callMcpRoute } from './routes/mcp/call-mcp.ts'
import type { listQueuesRoute } from './routes/queues/list-queues.ts'
import type { pauseQueueRoute } from './routes/queues/pause-queue.ts'
import type { redriveQueueRoute } from './routes/queues/redrive-queue.ts'
import type { resumeQueueRoute } from './routes/queues/resume-queue.ts'
import type { createScheduleRoute } from './routes/schedules/create-schedule.ts'
import type { deleteScheduleRoute } from './routes/schedules/delete-schedule.ts'
import type { getScheduleRoute } from './routes/schedules/get-schedule.ts'
import type { listSchedulesRoute } from './routes/schedules/list-schedules.ts'
import type { pauseScheduleRoute } from './routes/schedules/pause-schedule.ts'
import type { resumeScheduleRoute } from './routes/schedules/resume-schedule.ts'
import type { runScheduleRoute } from './routes/schedules/run-schedule.ts'
import type { updateScheduleRoute } from './routes/schedules/update-schedule.ts'
import type { checkHealthRoute } from './routes/service/check-health.ts'
import type { getApiDocumentRoute } from './routes/service/get-api-document.ts'
import type { getDocsFileRoute } from './routes/service/get-docs-file.ts'
import type { getHealthRoute } from './routes/service/get-health.ts'
import type { listTaskTypesRoute } from './routes/service/list-task-types.ts'
import type { showDocsRoute } from './routes/service/show-docs.ts'
import type { cancelTaskRoute } from './routes/tasks/cancel-task.ts'
import type { explainTaskRoute } from './routes/tasks/explain-task.ts'
import type { getTaskInputRoute } from './routes/tasks/get-task-input.ts'
import type { getTaskResultRoute } from './routes/tasks/get-task-result.ts'
import type { getTaskStatusRoute } from './routes/tasks/get-task-status.ts'
import type { getTaskRoute } from './routes/tasks/get-task.ts'
import type { listTasksRoute } from './routes/tasks/list-tasks.ts'
import type { retryTaskRoute } from './routes/tasks/retry-task.ts'
import type { submitAdditionRoute } from './routes/tasks/submit-addition.ts'
import type { submitDocumentRoute } from './routes/tasks/submit-document.ts'
import type { submitEvidenceRoute } from './routes/tasks/submit-evidence.ts'
import type { submitExampleRoute } from './routes/tasks/submit-example.ts'
import type { submitTaskRoute } from './routes/tasks/submit-task.ts'
import type { watchTaskRoute } from './routes/tasks/watch-task.ts'
import type { createUploadRoute } from './routes/uploads/create-upload.ts'
import type { getUploadRoute } from './routes/uploads/get-upload.ts'
import type { getStatsRoute } from './routes/usage/get-stats.ts'
import type { getUsageRoute } from './routes/usage/get-usage.ts'
import type { createWebhookRoute } from './routes/webhooks/create-webhook.ts'
import type { deleteWebhookRoute } from './routes/webhooks/delete-webhook.ts'
import type { getWebhookSecretRoute } from './routes/webhooks/get-webhook-secret.ts'
import type { listDeliveriesRoute } from './routes/webhooks/list-deliveries.ts'
import type { listWebhooksRoute } from './routes/webhooks/list-webhooks.ts'
import type { resendDeliveriesRoute } from './routes/webhooks/resend-deliveries.ts'
import type { resendDeliveryRoute } from './routes/webhooks/resend-delivery.ts'
import type { rotateWebhookSecretRoute } from './routes/webhooks/rotate-webhook-secret.ts'
import type { cancelWorkflowRoute } from './routes/workflows/cancel-workflow.ts'
import type { getWorkflowRoute } from './routes/workflows/get-workflow.ts'
import type { listWorkflowsRoute } from './routes/workflows/list-workflows.ts'
import type { retryWorkflowRoute } from './routes/workflows/retry-workflow.ts'
import type { signalWorkflowRoute } from './routes/workflows/signal-workflow.ts'
import type { submitWorkflowRoute } from './routes/workflows/submit-workflow.ts'

/** Every operation with its declaration: types only, nothing of it is loaded. */
export interface Routes {
  readonly listAudit: typeof listAuditRoute
  readonly closeCircuit: typeof closeCircuitRoute
  readonly listCircuits: typeof listCircuitsRoute
  readonly eraseTask: typeof eraseTaskRoute
  readonly eraseTenant: typeof eraseTenantRoute
  readonly createKey: typeof createKeyRoute
  readonly listKeys: typeof listKeysRoute
  readonly revokeKey: typeof revokeKeyRoute
  readonly rotateKey: typeof rotateKeyRoute
  readonly getLimits: typeof getLimitsRoute
  readonly setLimits: typeof setLimitsRoute
  readonly callMcp: typeof callMcpRoute
  readonly listQueues: typeof listQueuesRoute
  readonly pauseQueue: typeof pauseQueueRoute
  readonly redriveQueue: typeof redriveQueueRoute
  readonly resumeQueue: typeof resumeQueueRoute
  readonly createSchedule: typeof createScheduleRoute
  readonly deleteSchedule: typeof deleteScheduleRoute
  readonly getSchedule: typeof getScheduleRoute
  readonly listSchedules: typeof listSchedulesRoute
  readonly pauseSchedule: typeof pauseScheduleRoute
  readonly resumeSchedule: typeof resumeScheduleRoute
  readonly runSchedule: typeof runScheduleRoute
  readonly updateSchedule: typeof updateScheduleRoute
  readonly checkHealth: typeof checkHealthRoute
  readonly getApiDocument: typeof getApiDocumentRoute
  readonly getDocsFile: typeof getDocsFileRoute
  readonly getHealth: typeof getHealthRoute
  readonly listTaskTypes: typeof listTaskTypesRoute
  readonly showDocs: typeof showDocsRoute
  readonly cancelTask: typeof cancelTaskRoute
  readonly explainTask: typeof explainTaskRoute
  readonly getTaskInput: typeof getTaskInputRoute
  readonly getTaskResult: typeof getTaskResultRoute
  readonly getTaskStatus: typeof getTaskStatusRoute
  readonly getTask: typeof getTaskRoute
  readonly listTasks: typeof listTasksRoute
  readonly retryTask: typeof retryTaskRoute
  readonly submitAddition: typeof submitAdditionRoute
  readonly submitDocument: typeof submitDocumentRoute
  readonly submitEvidence: typeof submitEvidenceRoute
  readonly submitExample: typeof submitExampleRoute
  readonly submitTask: typeof submitTaskRoute
  readonly watchTask: typeof watchTaskRoute
  readonly createUpload: typeof createUploadRoute
  readonly getUpload: typeof getUploadRoute
  readonly getStats: typeof getStatsRoute
  readonly getUsage: typeof getUsageRoute
  readonly createWebhook: typeof createWebhookRoute
  readonly deleteWebhook: typeof deleteWebhookRoute
  readonly getWebhookSecret: typeof getWebhookSecretRoute
  readonly listDeliveries: typeof listDeliveriesRoute
  readonly listWebhooks: typeof listWebhooksRoute
  readonly resendDeliveries: typeof resendDeliveriesRoute
  readonly resendDelivery: typeof resendDeliveryRoute
  readonly rotateWebhookSecret: typeof rotateWebhookSecretRoute
  readonly cancelWorkflow: typeof cancelWorkflowRoute
  readonly getWorkflow: typeof getWorkflowRoute
  readonly listWorkflows: typeof listWorkflowsRoute
  readonly retryWorkflow: typeof retryWorkflowRoute
  readonly signalWorkflow: typeof signalWorkflowRoute
  readonly submitWorkflow: typeof submitWorkflowRoute
}
