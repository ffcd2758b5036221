import { getUpload } from '../../../core/application/uploads/get-upload.ts'
import { openFiles, openUploads } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { toUploadJson, uploadParams, uploadSchema } from '../../schemas/upload.ts'

export const getUploadRoute = defineRoute({
  method: 'GET',
  path: '/uploads/{id}',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'Get an upload',
  description: 'Whether the file has arrived, and its type, detected from its bytes.',
  params: uploadParams,
  answers: { 200: { description: 'The upload.', schema: uploadSchema } },
  problems: [404],
  needs: () => ({ uploads: openUploads(), files: openFiles() }),
  handle: async ({ tenant, base, params: { id } }, needs) => ({
    status: 200,
    body: toUploadJson(await getUpload(needs, { tenant, id }), base),
  }),
})
