// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { listAuditRoute } from '../routes/audit/list-audit.ts'
import { eraseTaskRoute } from '../routes/data/erase-task.ts'
import { eraseTenantRoute } from '../routes/data/erase-tenant.ts'

export const handler = httpHandler([
  listAuditRoute,
  eraseTaskRoute,
  eraseTenantRoute,
])
