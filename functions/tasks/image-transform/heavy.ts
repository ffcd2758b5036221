/** Decodes, changes and encodes pictures with libvips, compiled to WebAssembly. Runs in a thread of its own. */
import type Vips from 'wasm-vips'
import { provenMediaType, TaskError } from '../../core/kit/index.ts'
import type { FORMATS, Wish } from './task.ts'

type Format = (typeof FORMATS)[number]
type Library = Awaited<ReturnType<typeof Vips>>
type Image = ReturnType<Library['Image']['newFromBuffer']>

/** Decoded, 50 million pixels are 150 to 200 MB where a format cannot be read in lines; a large camera has 48. */
const MAX_PIXELS = 50_000_000
/** Encoding 25 million pixels as PNG takes 650 MB of the lane's 1,024, measured with 24 million. */
const MAX_WRITTEN_PIXELS = 25_000_000
/** A side above it comes from a bomb, or from a scanner that a thumbnail of 16 kB cannot serve. */
const MAX_SIDE = 30_000

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

export interface Transformed extends Facts {
  readonly bytes: Uint8Array
  readonly source: Facts
}

let loaded: Promise<Library> | undefined
const openLibrary = (): Promise<Library> => {
  loaded ??= import('wasm-vips').then(async ({ default: open }) => {
    // JPEG XL stays at home, 2 MB; what the library has to say about a broken file is in its error.
    const quiet = { print: () => undefined, printErr: () => undefined }
    // A broken file has a warning for each of its lines; as lines of the function's log they would be somebody's bill.
    const preRun = (module: object) => {
      Object.assign((module as { readonly ENV: object }).ENV, { VIPS_WARNING: '1' })
    }
    const library = await open({ dynamicLibraries: ['vips-heif.wasm'], preRun, ...quiet })
    library.concurrency(1)
    return library
  })
  return loaded
}

export async function transformImage({ bytes, wish }: { readonly bytes: Uint8Array; readonly wish: Wish }) {
  const vips = await openLibrary()
  const source = lookAt(vips, bytes)
  const isAnimated = source.frames > 1
  const format = wish.format ?? source.format
  if (isAnimated && wish.animation === 'refuse')
    throw refused('image_animated', `The picture has ${source.frames} frames, and "animation" is "refuse".`)
  const isKept = isAnimated && wish.animation === 'keep'
  if (isKept && (wish.crop || (format !== 'gif' && format !== 'webp')))
    throw refused(
      'image_animated',
      `The picture has ${source.frames} frames, which ${wish.crop ? 'a crop' : format.toUpperCase()} does not keep. Send "animation": "first_frame", or WebP or GIF without a crop.`,
    )
  return inLibrary(() => {
    const image = shape(vips, bytes, wish, isKept)
    const frames = isKept ? source.frames : 1
    if (image.width * image.height > MAX_WRITTEN_PIXELS)
      throw refused(
        'image_too_large',
        `The result has ${image.width} × ${image.height} pixels; at most ${MAX_WRITTEN_PIXELS} are written. Send a smaller "resize".`,
      )
    return {
      bytes: encode(image, format, wish),
      format,
      width: image.width,
      height: Math.round(image.height / frames),
      frames,
      source,
    } satisfies Transformed
  })
}

/** A picture as a model takes it: upright, no larger than it looks at, JPEG. */
export async function prepareImage({ bytes }: { readonly bytes: Uint8Array }) {
  const wish: Wish = {
    resize: { width: 1_568, height: 1_568, fit: 'inside', enlarge: false },
    format: 'jpeg',
    quality: 85,
    keep_metadata: false,
    animation: 'first_frame',
  }
  const { bytes: made, source } = await transformImage({ bytes, wish })
  return { base64: Buffer.from(made).toString('base64'), source }
}

/** Reads the head alone, so that a bomb is refused before a byte of it is unpacked. */
function lookAt(vips: Library, bytes: Uint8Array): Facts {
  const type = provenMediaType(bytes)
  const format = LOADERS[type]
  if (!format)
    throw refused('image_unsupported', `The file is ${type} by its bytes. Send JPEG, PNG, WebP, AVIF or GIF.`)
  const head = inLibrary(() => vips.Image.newFromBuffer(bytes, ''))
  const frames = format === 'gif' || format === 'webp' ? pagesOf(head) : 1
  const isTurned = head.getTypeof('orientation') !== 0 && head.getInt('orientation') >= 5
  const [width, height] = isTurned ? [head.height, head.width] : [head.width, head.height]
  head.delete()
  if (width > MAX_SIDE || height > MAX_SIDE || width * height * frames > MAX_PIXELS)
    throw refused(
      'image_too_large',
      `The picture has ${width} × ${height} pixels${frames > 1 ? ` in ${frames} frames` : ''}; at most ${MAX_SIDE} a side and ${MAX_PIXELS} in all are taken.`,
    )
  return { format, width, height, frames }
}

const pagesOf = (image: Image): number =>
  image.getTypeof('n-pages') === 0 ? 1 : Math.max(1, image.getInt('n-pages'))

function shape(vips: Library, bytes: Uint8Array, { crop, resize, thumbnail }: Wish, isKept: boolean): Image {
  // A file that ends early is an error, not a picture with a grey half.
  const options = isKept ? '[n=-1,fail_on=error]' : '[fail_on=error]'
  const box =
    resize ??
    (thumbnail === undefined
      ? undefined
      : { width: thumbnail, height: thumbnail, fit: 'inside', enlarge: false })
  if (!box) return cropped(upright(vips.Image.newFromBuffer(bytes, options)), crop)
  // 16,384 for the side that is free: the other one decides then.
  const width = box.width ?? 16_384
  const how = {
    height: box.height ?? 16_384,
    size: box.fit === 'fill' ? ('force' as const) : box.enlarge ? ('both' as const) : ('down' as const),
    ...(box.fit === 'cover' ? { crop: 'centre' as const } : {}),
  }
  // From the bytes it decodes at a fraction of the size, where the format can: a 24-megapixel photograph in 100 ms.
  return crop
    ? cropped(upright(vips.Image.newFromBuffer(bytes, options)), crop).thumbnailImage(width, how)
    : vips.Image.thumbnailBuffer(bytes, width, { ...how, option_string: options })
}

/** In memory, as a turn needs the picture from its last line on. */
const upright = (image: Image): Image => image.autorot()

function cropped(image: Image, crop: Wish['crop']): Image {
  if (!crop) return image
  const { left, top, width, height } = crop
  if (left + width > image.width || top + height > image.height)
    throw refused(
      'crop_outside',
      `The crop reaches to ${left + width} × ${top + height}; the picture has ${image.width} × ${image.height}.`,
    )
  return image.crop(left, top, width, height)
}

function encode(image: Image, format: Format, { quality, keep_metadata }: Wish): Uint8Array {
  const keep = keep_metadata ? ('exif' as const) : ('none' as const)
  const upright = image.getTypeof('orientation') === 0 ? image : withoutOrientation(image)
  switch (format) {
    case 'jpeg':
      // White where nothing is: JPEG has no transparency, and black is what the library would take.
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
      // Effort 4, the default, takes four times as long for some percent of bytes.
      return upright.writeToBuffer('.avif', { Q: quality, effort: 1, keep })
    case 'gif':
      return upright.writeToBuffer('.gif', { keep })
  }
}

/** The pixels are upright already; a kept mark would turn them once more. */
function withoutOrientation(image: Image): Image {
  const copy = image.copy()
  copy.remove('orientation')
  return copy
}

function inLibrary<Value>(call: () => Value): Value {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof TaskError) throw cause
    // Thrown from WebAssembly: no Error, and its message is a list of a class and a text.
    const text = String((cause as { readonly message?: unknown }).message ?? cause)
    throw refused(
      'image_damaged',
      `The picture cannot be read: ${text
        .replace(/\s+/g, ' ')
        .replace(/^vips::Error,/, '')
        .slice(0, 200)}`,
    )
  }
}

const refused = (code: string, message: string) => new TaskError(message, { code })
