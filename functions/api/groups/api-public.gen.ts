// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { fallbackRoute } from '../fallback-route.ts'
import { getApiDocumentRoute } from '../routes/service/get-api-document.ts'
import { getDocsFileRoute } from '../routes/service/get-docs-file.ts'
import { getHealthRoute } from '../routes/service/get-health.ts'
import { showDocsRoute } from '../routes/service/show-docs.ts'

export const handler = httpHandler([
  getApiDocumentRoute,
  getDocsFileRoute,
  getHealthRoute,
  showDocsRoute,
], fallbackRoute)
