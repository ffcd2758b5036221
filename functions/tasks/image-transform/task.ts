import * as z from 'zod'
import { defineTask, fileShape, readSent } from '../../core/kit/index.ts'
import type { transformImage } from './heavy.ts'
import { IMAGE_TYPES, imageFile } from './image-file.ts'

export const FORMATS = ['jpeg', 'png', 'webp', 'avif', 'gif'] as const

const side = z.int().min(1).max(16_384)

const input = z
  .strictObject({
    file: imageFile,
    crop: z
      .strictObject({ left: z.int().min(0), top: z.int().min(0), width: side, height: side })
      .optional()
      .describe('In the picture after its EXIF rotation and before resizing.'),
    resize: z
      .strictObject({
        width: side.optional(),
        height: side.optional(),
        fit: z
          .enum(['inside', 'cover', 'fill'])
          .default('inside')
          .describe('Within the box; filling it and cut; stretched to it.'),
        enlarge: z.boolean().default(false),
      })
      .optional(),
    thumbnail: z
      .int()
      .min(16)
      .max(1_024)
      .optional()
      .describe('Short for a resize into a square of this side.'),
    format: z.enum(FORMATS).optional().describe('By default that of the source.'),
    quality: z.int().min(1).max(100).default(80).describe('Of JPEG, WebP and AVIF.'),
    keep_metadata: z
      .boolean()
      .default(false)
      .describe('EXIF, with place and camera; left out unless asked for. Colour profiles become sRGB.'),
    animation: z
      .enum(['keep', 'first_frame', 'refuse'])
      .default('keep')
      .describe('Kept in WebP and GIF; other formats and crops take `first_frame`.'),
  })
  .superRefine(({ resize, thumbnail }, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (resize && thumbnail !== undefined) refuse(['thumbnail'], 'Send either resize or thumbnail.')
    if (resize && resize.width === undefined && resize.height === undefined)
      refuse(['resize', 'width'], 'Send width, height or both.')
    if (resize && resize.fit !== 'inside' && (resize.width === undefined || resize.height === undefined))
      refuse(['resize', 'fit'], `"${resize.fit}" needs width and height.`)
  })

const facts = z.object({ format: z.enum(FORMATS), width: z.int(), height: z.int(), frames: z.int() })

const output = z.object({ ...facts.shape, file: fileShape, source: facts })

export default defineTask({
  name: 'image.transform',
  summary: 'Resizes, crops, turns upright, converts and strips a picture.',
  version: 1,
  lane: 'documents',
  needs: ['files'],
  accepts: IMAGE_TYPES,
  input,
  output,
  run: async ({ input: { file, ...transform }, files, heavy, progress }) => {
    progress(5, 'reading')
    let name: string | null = null
    const open = async () => {
      const opened = await readSent(files, file)
      name = opened.name
      return { bytes: opened.bytes, transform }
    }
    const { bytes, ...made } = await heavy<typeof transformImage>('image-transform/transformImage', open)
    progress(90, 'writing')
    const stem = (name ?? 'image').replace(/\.[a-z0-9]{1,5}$/i, '')
    const ending = made.format === 'jpeg' ? 'jpg' : made.format
    const written = await files.write({
      name: `${stem}.${ending}`,
      contentType: `image/${made.format}`,
      bytes,
    })
    return { ...made, file: written }
  },
})

export type TransformOptions = Omit<z.output<typeof input>, 'file'>
