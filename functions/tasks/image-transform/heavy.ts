/** Decodes, changes and encodes pictures with libvips, compiled to WebAssembly. Runs in a separate thread. */
import type Vips from 'wasm-vips'
import { detectMediaType, TaskError } from '../../core/kit/index.ts'
import type { FORMATS, TransformOptions } from './task.ts'

type Format = (typeof FORMATS)[number]
type Library = Awaited<ReturnType<typeof Vips>>
type Image = ReturnType<Library['Image']['newFromBuffer']>

/** Formats that cannot be decoded line by line need 150 to 200 MB for 50 million pixels; a large camera has 48 million. */
const MAX_PIXELS = 50_000_000
/** Encoding 24 million pixels as PNG needs 650 MB of the lane's 1,024 MB (measured). */
const MAX_WRITTEN_PIXELS = 25_000_000
/** A longer side indicates a decompression bomb, or a scan for which a thumbnail of 16 kB is of no use. */
const MAX_SIDE_PIXELS = 30_000
/** Of the format itself. */
const MAX_WEBP_SIDE_PIXELS = 16_383

const LOADERS: Readonly<Record<string, Format>> = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/avif': 'avif',
  'image/gif': 'gif',
}

interface Facts {
  readonly format: Format
  readonly width: number
  readonly height: number
  readonly frames: number
}

export interface TransformedImage extends Facts {
  readonly bytes: Uint8Array
  readonly source: Facts
}

let loaded: Promise<Library> | undefined
const openLibrary = (): Promise<Library> => {
  loaded ??= import('wasm-vips').then(async ({ default: open }) => {
    // Without JPEG XL, which is 2 MB. The library's output is discarded: errors of a broken file are thrown as well.
    const quiet = { print: () => undefined, printErr: () => undefined }
    // A broken file has a warning for each of its lines, which would cost money as log lines.
    const preRun = (module: object) => {
      Object.assign((module as { readonly ENV: object }).ENV, { VIPS_WARNING: '1' })
    }
    const library = await open({ dynamicLibraries: ['vips-heif.wasm'], preRun, ...quiet })
    library.concurrency(1)
    return library
  })
  return loaded
}

export async function transformImage({
  bytes,
  transform,
}: {
  readonly bytes: Uint8Array
  readonly transform: TransformOptions
}) {
  const vips = await openLibrary()
  const source = inspectImage(vips, bytes)
  const isAnimated = source.frames > 1
  const format = transform.format ?? source.format
  if (isAnimated && transform.animation === 'refuse')
    throw refused('image_animated', `The picture has ${source.frames} frames, and "animation" is "refuse".`)
  const isKept = isAnimated && transform.animation === 'keep'
  if (isKept && (transform.crop || (format !== 'gif' && format !== 'webp')))
    throw refused(
      'image_animated',
      `The picture has ${source.frames} frames, which ${transform.crop ? 'a crop' : format.toUpperCase()} does not keep. Send "animation": "first_frame", or WebP or GIF without a crop.`,
    )
  const undecoded = () =>
    isCutOff(bytes, source.format)
      ? cutOff(source.format)
      : refused(
          'image_damaged',
          `The ${nameOf(source.format)} is damaged: its pixels cannot be decoded. Open it in another program and save it again.`,
        )
  return inLibrary(undecoded, () => {
    const image = shape(vips, bytes, transform, isKept)
    const frames = isKept ? source.frames : 1
    const [width, height] = [image.width, Math.round(image.height / frames)]
    if (format === 'webp' && Math.max(width, height) > MAX_WEBP_SIDE_PIXELS)
      throw refused(
        'image_too_large',
        `The result has ${width} × ${height} pixels; WebP takes at most ${MAX_WEBP_SIDE_PIXELS} a side. Send a smaller "resize" or another format.`,
      )
    if (image.width * image.height > MAX_WRITTEN_PIXELS)
      throw refused(
        'image_too_large',
        `The result has ${image.width} × ${image.height} pixels; at most ${MAX_WRITTEN_PIXELS} are written. Send a smaller "resize".`,
      )
    return {
      bytes: encode(image, format, transform),
      format,
      width,
      height,
      frames,
      source,
    } satisfies TransformedImage
  })
}

/** A picture as models accept it: upright, JPEG, no larger than they use. */
export async function prepareImage({ bytes }: { readonly bytes: Uint8Array }) {
  const transform: TransformOptions = {
    resize: { width: 1_568, height: 1_568, fit: 'inside', enlarge: false },
    format: 'jpeg',
    quality: 85,
    keep_metadata: false,
    animation: 'first_frame',
  }
  const { bytes: made, source } = await transformImage({ bytes, transform })
  return { base64: Buffer.from(made).toString('base64'), source }
}

/** Reads only the header, so that a decompression bomb is refused before it is decompressed. */
function inspectImage(vips: Library, bytes: Uint8Array): Facts {
  const type = detectMediaType(bytes)
  const format = LOADERS[type]
  if (!format)
    throw refused('image_unsupported', `The file is ${type} by its bytes. Send JPEG, PNG, WebP, AVIF or GIF.`)
  const unreadable = () =>
    isCutOff(bytes, format)
      ? cutOff(format)
      : refused(
          'image_damaged',
          `The file begins as ${nameOf(format)} does, but what follows is no picture of that kind.`,
        )
  const head = inLibrary(unreadable, () => vips.Image.newFromBuffer(bytes, ''))
  const frames = format === 'gif' || format === 'webp' ? pagesOf(head) : 1
  const isTurned = head.getTypeof('orientation') !== 0 && head.getInt('orientation') >= 5
  const [width, height] = isTurned ? [head.height, head.width] : [head.width, head.height]
  head.delete()
  if (width > MAX_SIDE_PIXELS || height > MAX_SIDE_PIXELS || width * height * frames > MAX_PIXELS)
    throw refused(
      'image_too_large',
      `The picture has ${width} × ${height} pixels${frames > 1 ? ` in ${frames} frames` : ''}; at most ${MAX_SIDE_PIXELS} a side and ${MAX_PIXELS} in all are taken.`,
    )
  return { format, width, height, frames }
}

const pagesOf = (image: Image): number =>
  image.getTypeof('n-pages') === 0 ? 1 : Math.max(1, image.getInt('n-pages'))

function shape(
  vips: Library,
  bytes: Uint8Array,
  { crop, resize, thumbnail }: TransformOptions,
  isKept: boolean,
): Image {
  // A truncated file is an error, not a half grey picture.
  const options = isKept ? '[n=-1,fail_on=error]' : '[fail_on=error]'
  const box =
    resize ??
    (thumbnail === undefined
      ? undefined
      : { width: thumbnail, height: thumbnail, fit: 'inside', enlarge: false })
  if (!box) return cropped(upright(vips.Image.newFromBuffer(bytes, options)), crop)
  // 16,384 when the width is not limited; the height decides then.
  const width = box.width ?? 16_384
  const how = {
    height: box.height ?? 16_384,
    size: box.fit === 'fill' ? ('force' as const) : box.enlarge ? ('both' as const) : ('down' as const),
    ...(box.fit === 'cover' ? { crop: 'centre' as const } : {}),
  }
  // Where the format allows it, decodes at reduced size: a 24-megapixel photograph takes 100 ms.
  return crop
    ? cropped(upright(vips.Image.newFromBuffer(bytes, options)), crop).thumbnailImage(width, how)
    : vips.Image.thumbnailBuffer(bytes, width, { ...how, option_string: options })
}

/** In memory, because a rotation may start at the picture's last line. */
const upright = (image: Image): Image => image.autorot()

function cropped(image: Image, crop: TransformOptions['crop']): Image {
  if (!crop) return image
  const { left, top, width, height } = crop
  if (left + width > image.width || top + height > image.height)
    throw refused(
      'crop_outside',
      `The crop reaches to ${left + width} × ${top + height}; the picture has ${image.width} × ${image.height}.`,
    )
  return image.crop(left, top, width, height)
}

function encode(image: Image, format: Format, { quality, keep_metadata }: TransformOptions): Uint8Array {
  const keep = keep_metadata ? ('exif' as const) : ('none' as const)
  const upright = image.getTypeof('orientation') === 0 ? image : withoutOrientation(image)
  switch (format) {
    case 'jpeg':
      // A white background, because JPEG has no transparency and the library would use black.
      return (upright.hasAlpha() ? upright.flatten({ background: [255, 255, 255] }) : upright).writeToBuffer(
        '.jpg',
        {
          Q: quality,
          keep,
        },
      )
    case 'png':
      return upright.writeToBuffer('.png', { keep })
    case 'webp':
      return upright.writeToBuffer('.webp', { Q: quality, keep })
    case 'avif':
      // Effort 4, the default, takes four times as long and saves only some percent of the bytes.
      return upright.writeToBuffer('.avif', { Q: quality, effort: 1, keep })
    case 'gif':
      return upright.writeToBuffer('.gif', { keep })
  }
}

/** The pixels are already upright; a kept orientation tag would rotate them again. */
function withoutOrientation(image: Image): Image {
  const copy = image.copy()
  copy.remove('orientation')
  return copy
}

/** @param damaged the error for a failure of the library, whose own words name its functions. */
function inLibrary<Value>(damaged: () => TaskError, call: () => Value): Value {
  try {
    return call()
  } catch (cause) {
    throw cause instanceof TaskError ? cause : damaged()
  }
}

/** Whether the end that each file of the format has is missing. */
function isCutOff(bytes: Uint8Array, format: Format): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Programs append zeros, or a few bytes of their own.
  const end = file.subarray(-1_024)
  switch (format) {
    case 'jpeg':
      return !end.includes('\xff\xd9', 'latin1')
    case 'png':
      return !end.includes('IEND')
    case 'gif':
      return end[end.findLastIndex((byte) => byte !== 0)] !== 0x3b
    case 'webp':
      return file.length < 8 || file.readUInt32LE(4) + 8 > file.length
    case 'avif':
      return !endsWithBox(file)
  }
}

/** The file is a list of boxes, each of which begins with its length. */
function endsWithBox(file: Buffer): boolean {
  let at = 0
  while (at + 8 <= file.length) {
    const length = file.readUInt32BE(at)
    // 0: up to the end of the file; 1: the length is 64 bits, for files that are not taken.
    if (length < 8) return true
    at += length
  }
  return at === file.length
}

const nameOf = (format: Format): string => (format === 'webp' ? 'WebP' : format.toUpperCase())

const cutOff = (format: Format) =>
  refused(
    'image_damaged',
    `The ${nameOf(format)} is not whole: its end is missing. Send the whole file again.`,
  )

const refused = (code: string, message: string) => new TaskError(message, { code })
