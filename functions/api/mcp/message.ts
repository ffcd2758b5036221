import * as z from 'zod'
import { submitHeaders } from '../submission.ts'

const header = (description: string) => z.string().optional().describe(description)

export const callHeaders = z.object({
  'MCP-Protocol-Version': header('Revision of the protocol that the message is of.'),
  'Mcp-Method': header('The method of the message, from revision 2026-07-28 on.'),
  'Mcp-Name': header('The tool or task that the message is about, from revision 2026-07-28 on.'),
  'Idempotency-Key': submitHeaders.shape['Idempotency-Key'],
  traceparent: submitHeaders.shape.traceparent,
})

/** Parsed by the SDK, so that errors are answered in the protocol's own format. */
export const readMessage = (text: unknown): string => String(text)
