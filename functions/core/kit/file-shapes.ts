import * as z from 'zod'

/** For an input: a file that the caller uploaded. */
export const uploadShape = z.strictObject({
  upload: z.string().min(1).max(100).describe('Id of POST /uploads.'),
})

/** For an output: a file that the task wrote with `files.write`. */
export const fileShape = z.object({
  file: z.string(),
  name: z.string(),
  content_type: z.string(),
  bytes: z.int(),
  url: z.string().optional().describe('Download URL, valid for an hour after it was read.'),
})
