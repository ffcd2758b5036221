// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { cancelTaskRoute } from '../routes/tasks/cancel-task.ts'
import { retryTaskRoute } from '../routes/tasks/retry-task.ts'
import { submitAdditionRoute } from '../routes/tasks/submit-addition.ts'
import { submitDocumentRoute } from '../routes/tasks/submit-document.ts'
import { submitEvidenceRoute } from '../routes/tasks/submit-evidence.ts'
import { submitExampleRoute } from '../routes/tasks/submit-example.ts'
import { submitTaskRoute } from '../routes/tasks/submit-task.ts'
import { createUploadRoute } from '../routes/uploads/create-upload.ts'

export const handler = httpHandler([
  cancelTaskRoute,
  retryTaskRoute,
  submitAdditionRoute,
  submitDocumentRoute,
  submitEvidenceRoute,
  submitExampleRoute,
  submitTaskRoute,
  createUploadRoute,
])
