import * as z from 'zod'
import { UPLOAD_LIMITS, type Upload } from '../../core/domain/upload.ts'
import { iso } from './time.ts'

export const uploadParams = z.object({ id: z.string().describe('Id of the upload.') })

export const uploadBody = z.strictObject({
  content_type: z
    .string()
    .max(200)
    .regex(
      /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*(?:; ?[a-z-]+=[\w.-]+)?$/i,
      'is no media type, e.g. application/pdf',
    )
    .describe('The PUT must have exactly this Content-Type.'),
  bytes: z
    .int()
    .min(1)
    .max(UPLOAD_LIMITS.bytes)
    .describe('The file’s exact size; the PUT is refused with another.'),
  name: z.string().min(1).max(300).optional().describe('Name of the file, only for display.'),
})

export const uploadSchema = z
  .object({
    id: z.string(),
    status: z.enum(['waiting', 'uploaded']),
    name: z.string().nullable(),
    content_type: z.string(),
    media_type: z
      .string()
      .nullable()
      .describe('Type of the file, detected from its bytes; null until it has arrived.'),
    bytes: z.int(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().describe('When it is deleted, unless a task uses it.'),
    links: z.object({ self: z.string() }),
  })
  .meta({ id: 'Upload' })

export const createdUploadSchema = uploadSchema
  .extend({
    method: z.literal('PUT'),
    url: z.string().describe('URL for the PUT, which needs no key.'),
    headers: z.record(z.string(), z.string()).describe('Headers that the PUT must have.'),
    url_expires_at: z.iso.datetime(),
  })
  .meta({ id: 'CreatedUpload' })

export function toUploadJson(upload: Upload, base: string) {
  return {
    id: upload.id,
    status: upload.mediaType === undefined ? ('waiting' as const) : ('uploaded' as const),
    name: upload.name,
    content_type: upload.contentType,
    media_type: upload.mediaType ?? null,
    bytes: upload.bytes,
    created_at: iso(upload.createdAt),
    expires_at: iso(upload.ttl * 1_000),
    links: { self: `${base}/uploads/${upload.id}` },
  }
}
