import { createUpload } from '../../../core/application/uploads/create-upload.ts'
import { clock, ids, openFiles, openUploads } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { iso } from '../../schemas/time.ts'
import { createdUploadSchema, toUploadJson, uploadBody } from '../../schemas/upload.ts'

export const createUploadRoute = defineRoute({
  method: 'POST',
  path: '/uploads',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  summary: 'Create an upload for a file',
  description:
    'PUT the file to the `url` of the answer, with the `headers` of the answer, within an hour. Then refer to it in an input as `{"upload": id}`. A file that no task uses is deleted after a day.',
  body: {
    schema: uploadBody,
    examples: {
      report: {
        summary: 'A PDF of 1.2 MB',
        value: { name: 'report.pdf', content_type: 'application/pdf', bytes: 1_203_771 },
      },
    },
  },
  answers: {
    201: {
      description: 'The URL for the file.',
      schema: createdUploadSchema,
      headers: { Location: 'Path of the upload.' },
    },
  },
  needs: () => ({ uploads: openUploads(), files: openFiles(), clock, ids }),
  handle: async ({ tenant, base, body }, needs) => {
    const { upload, url, headers } = await createUpload(needs, {
      tenant,
      name: body.name ?? null,
      contentType: body.content_type,
      bytes: body.bytes,
    })
    const json = toUploadJson(upload, base)
    return {
      status: 201,
      headers: { location: json.links.self },
      body: {
        ...json,
        method: 'PUT' as const,
        url,
        headers: { ...headers },
        url_expires_at: iso(upload.linkEndsAt),
      },
    }
  },
})
