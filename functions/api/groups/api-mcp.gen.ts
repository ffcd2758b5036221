// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { callMcpRoute } from '../routes/mcp/call-mcp.ts'

export const handler = httpHandler([
  callMcpRoute,
])
