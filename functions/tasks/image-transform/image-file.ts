/** Validates an image from a caller. Small, because submits import it. */
import * as z from 'zod'
import { detectMediaType, uploadShape } from '../../core/kit/index.ts'

/** Detected from the bytes. Without SVG, which can contain scripts and load files. */
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif']

export const imageFile = z
  .union([
    z.strictObject({
      name: z.string().min(1).max(300).optional(),
      base64: z.base64().min(1, 'is empty').max(6_000_000),
    }),
    uploadShape,
  ])
  .superRefine((file, context) => {
    if (!('base64' in file)) return
    const type = detectMediaType(Buffer.from(file.base64.slice(0, 4_096), 'base64'))
    if (IMAGE_TYPES.includes(type)) return
    const message = `is ${type} by its bytes; send ${IMAGE_TYPES.join(', ')}`
    context.addIssue({ code: 'custom', path: ['base64'], message })
  })
  .describe('JPEG, PNG, WebP, AVIF or GIF, up to 6 MB here or uploaded; detected from its bytes.')
