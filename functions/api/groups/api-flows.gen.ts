// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { cancelWorkflowRoute } from '../routes/workflows/cancel-workflow.ts'
import { getWorkflowRoute } from '../routes/workflows/get-workflow.ts'
import { listWorkflowsRoute } from '../routes/workflows/list-workflows.ts'
import { retryWorkflowRoute } from '../routes/workflows/retry-workflow.ts'
import { signalWorkflowRoute } from '../routes/workflows/signal-workflow.ts'
import { submitWorkflowRoute } from '../routes/workflows/submit-workflow.ts'

export const handler = httpHandler([
  cancelWorkflowRoute,
  getWorkflowRoute,
  listWorkflowsRoute,
  retryWorkflowRoute,
  signalWorkflowRoute,
  submitWorkflowRoute,
])
