import { beforeAll, describe, expect, it } from 'vitest'
import Vips from 'wasm-vips'
import { detectMediaType } from '../../../functions/core/domain/media-type.ts'
import { runTaskType } from '../../../functions/core/kit/run-task-type.ts'
import describeTask from '../../../functions/tasks/image-describe/task.ts'
import * as heavy from '../../../functions/tasks/image-transform/heavy.ts'
import task from '../../../functions/tasks/image-transform/task.ts'
import { fakePng } from '../../fixtures/documents/make-images.ts'

let vips: Awaited<ReturnType<typeof Vips>>
/** 60 × 40, red to the left, blue to the right. */
let picture: ReturnType<typeof vips.Image.black>
beforeAll(async () => {
  vips = await Vips({ dynamicLibraries: ['vips-heif.wasm'] })
  vips.concurrency(1)
  const area = (colour: number[]) =>
    vips.Image.black(30, 40, { bands: 3 })
      .linear([1, 1, 1], colour)
      .cast('uchar')
      .copy({ interpretation: 'srgb' })
  picture = area([250, 0, 0]).join(area([0, 0, 250]), 'horizontal')
})

const saved = (format: string, options = {}) => Buffer.from(picture.writeToBuffer(`.${format}`, options))
const turned = (orientation: number) => {
  const copy = picture.copy()
  copy.setInt('orientation', orientation)
  return Buffer.from(copy.writeToBuffer('.jpg', { Q: 95 }))
}
const animated = (frames: number) => {
  const all = vips.Image.arrayjoin(
    Array.from({ length: frames }, (_, frame) => (frame % 2 ? picture.invert() : picture)),
    { across: 1 },
  ).copy()
  all.setInt('page-height', 40)
  return Buffer.from(all.writeToBuffer('.gif'))
}
const run = async (bytes: Buffer, wish: object = {}) => {
  const { result, written } = await runTaskType(
    task,
    { file: { upload: 'u1' }, ...wish },
    { heavy, uploads: { u1: { name: 'photo.x.jpg', bytes } } },
  )
  return { result, made: Buffer.from(written[0]?.bytes ?? []), written }
}
const codeOf = (bytes: Buffer, wish: object = {}) =>
  run(bytes, wish).then(
    () => 'made',
    (error) => error.code ?? error.message,
  )

describe('image.transform', () => {
  it.each(['jpg', 'png', 'webp', 'avif', 'gif'])(
    'reads %s, and writes every format',
    async (from) => {
      const bytes = saved(from)
      for (const format of ['jpeg', 'png', 'webp', 'avif', 'gif'] as const) {
        const { result, made, written } = await run(bytes, { format })
        expect([detectMediaType(made), result.width, result.height]).toEqual([`image/${format}`, 60, 40])
        expect(written[0]).toMatchObject({
          name: `photo.x.${format === 'jpeg' ? 'jpg' : format}`,
          contentType: `image/${format}`,
        })
      }
    },
    60_000,
  )

  it.each<[object, number, number]>([
    [{ resize: { width: 30 } }, 30, 20],
    [{ resize: { height: 10 } }, 15, 10],
    [{ resize: { width: 20, height: 20 } }, 20, 13],
    [{ resize: { width: 20, height: 20, fit: 'cover' } }, 20, 20],
    [{ resize: { width: 20, height: 30, fit: 'fill' } }, 20, 30],
    [{ resize: { width: 600 } }, 60, 40],
    [{ resize: { width: 600, enlarge: true } }, 600, 400],
    [{ thumbnail: 16 }, 16, 11],
    [{ crop: { left: 10, top: 5, width: 20, height: 10 } }, 20, 10],
    [{ crop: { left: 0, top: 0, width: 40, height: 40 }, resize: { width: 20 } }, 20, 20],
  ])('%j makes %i × %i', async (wish, width, height) => {
    const { result, made } = await run(saved('png'), wish)
    expect([result.width, result.height]).toEqual([width, height])
    const image = vips.Image.newFromBuffer(made, '')
    expect([image.width, image.height]).toEqual([width, height])
  })

  it.each([3, 6, 8])(
    'a photograph of EXIF orientation %i is turned upright, also with a crop',
    async (orientation) => {
      const size = orientation === 3 ? [60, 40] : [40, 60]
      for (const wish of [{}, { resize: { width: 1_000 } }]) {
        const { result, made } = await run(turned(orientation), { ...wish, format: 'png' })
        expect([result.width, result.height]).toEqual(size)
        // Red was to the left: turned by 180° it is to the right, by 90° on top, by 270° below.
        const [red = 0, , blue = 0] = vips.Image.newFromBuffer(made, '').getpoint(2, 2)
        expect(orientation === 6 ? red > blue : blue > red).toBe(true)
      }
      const { result } = await run(turned(orientation), { crop: { left: 0, top: 0, width: 40, height: 40 } })
      expect([result.width, result.height]).toEqual([40, 40])
    },
  )

  it('removes location and camera unless requested otherwise, and never turns twice', async () => {
    const copy = picture.copy()
    copy.setInt('orientation', 6)
    copy.setString('exif-ifd0-Model', 'Phone 7 (Phone 7, ASCII, 8 components, 8 bytes)')
    const bytes = Buffer.from(copy.writeToBuffer('.jpg'))
    expect(bytes.includes('Phone 7')).toBe(true)
    expect((await run(bytes)).made.includes('Phone 7')).toBe(false)
    const { made } = await run(bytes, { keep_metadata: true })
    expect(made.includes('Phone 7')).toBe(true)
    expect((await run(made)).result).toMatchObject({ width: 40, height: 60 })
  })

  it('an animation is kept, reduced to its first frame, or refused, as requested', async () => {
    const bytes = animated(3)
    const kept = await run(bytes, { resize: { width: 30 }, format: 'webp' })
    expect(kept.result).toMatchObject({ frames: 3, width: 30, height: 20, source: { frames: 3, height: 40 } })
    expect(vips.Image.newFromBuffer(kept.made, '[n=-1]').height).toBe(60)
    const first = await run(bytes, { format: 'png', animation: 'first_frame' })
    expect(first.result).toMatchObject({ frames: 1, height: 40 })
    expect(await codeOf(bytes, { animation: 'refuse' })).toBe('image_animated')
    expect(await codeOf(bytes, { format: 'jpeg' })).toBe('image_animated')
  })

  it('transparent pixels are white in a JPEG', async () => {
    const clear = vips.Image.black(8, 8, { bands: 4 }).cast('uchar').copy({ interpretation: 'srgb' })
    const { made } = await run(Buffer.from(clear.writeToBuffer('.png')), { format: 'jpeg' })
    expect(vips.Image.newFromBuffer(made, '').getpoint(1, 1)).toEqual([255, 255, 255])
  })

  it.each<[string, string, () => Buffer]>([
    ['40,000 pixels in a few bytes', 'image_too_large', () => fakePng(40_000, 40_000)],
    ['a long strip', 'image_too_large', () => fakePng(1, 60_000)],
    ['a file that ends early', 'image_damaged', () => saved('jpg').subarray(0, 300)],
    ['one that ends in its middle', 'image_damaged', () => saved('png').subarray(0, -60)],
    ['a PNG without its picture', 'image_damaged', () => fakePng(100, 100)],
    ['an SVG with a script', 'image_unsupported', () => Buffer.from('<svg onload="x()"/>')],
    ['a lie', 'image_unsupported', () => Buffer.from('plain text')],
    ['nothing', 'image_unsupported', () => Buffer.alloc(0)],
  ])('%s ends with %s', async (_name, code, bytes) => {
    for (const wish of [{}, { thumbnail: 16 }]) expect(await codeOf(bytes(), wish)).toBe(code)
  })

  it.each(['jpg', 'png', 'webp', 'avif', 'gif'])(
    'a damaged %s is described without the library’s words',
    async (format) => {
      const whole = saved(format)
      const zeros = (from: number, to: number) => Buffer.from(whole).fill(0, from, to)
      const half = whole.length >> 1
      const damages: readonly (readonly [Buffer, RegExp])[] = [
        [whole.subarray(0, half), /^The \w+ is not whole: its end is missing\. Send/],
        [whole.subarray(0, -60), /^The \w+ is not whole/],
        [
          zeros(16, whole.length - 8),
          /^The file begins as \w+ does, but|^The \w+ is damaged: its pixels|^The picture has/,
        ],
        [zeros(half, half + 40), /^The \w+ is damaged: its pixels|^The file begins as AVIF|^made$/],
      ]
      for (const [bytes, words] of damages)
        for (const wish of [{ format: 'png' }, { thumbnail: 16 }]) {
          const told = await run(bytes, wish).then(
            () => 'made',
            (error) => error.message,
          )
          expect(told).toMatch(words)
          expect(told).not.toMatch(/vips|lib|source:|buffer/i)
        }
    },
  )

  it('a result with a longer side than its format takes is refused as such', async () => {
    const resize = { width: 16_384, height: 20, fit: 'fill', enlarge: true }
    await expect(run(saved('png'), { resize, format: 'webp' })).rejects.toMatchObject({
      code: 'image_too_large',
      message: expect.stringContaining('WebP takes at most 16383'),
    })
  })

  it('a result with too many pixels for the memory is refused before it is made', async () => {
    expect(await codeOf(saved('png'), { resize: { width: 9_000, enlarge: true } })).toBe('image_too_large')
  })

  it('the error for a crop outside the picture contains both sizes', async () => {
    await expect(
      run(saved('png'), { crop: { left: 50, top: 0, width: 20, height: 5 } }),
    ).rejects.toMatchObject({
      code: 'crop_outside',
      message: expect.stringContaining('60 × 40'),
    })
  })

  it.each([
    { file: { base64: Buffer.from('<svg/>').toString('base64') } },
    { file: { base64: '' } },
    { file: { upload: 'u' }, resize: {} },
    { file: { upload: 'u' }, resize: { width: 0 } },
    { file: { upload: 'u' }, resize: { width: 5, fit: 'cover' } },
    { file: { upload: 'u' }, resize: { width: 5 }, thumbnail: 64 },
    { file: { upload: 'u' }, format: 'svg' },
  ])('refuses at submit (%#)', (input) => {
    expect(task.input.safeParse(input).success).toBe(false)
  })
})

describe('image.describe', () => {
  it('sends the model the picture upright and small, and returns its description', async () => {
    const told = {
      description: 'Two areas.',
      alt_text: 'Red and blue.',
      objects: [],
      text: '',
      answer: 'Red',
    }
    const { result, prompts } = await runTaskType(
      describeTask,
      { file: { upload: 'u1' }, question: 'What is on top?' },
      { heavy, answer: JSON.stringify(told), uploads: { u1: { bytes: turned(6) } } },
    )
    expect(result).toEqual({ ...told, width: 40, height: 60, format: 'jpeg' })
    expect(prompts).toEqual([expect.stringContaining('What is on top?')])
    const { base64 } = await heavy.prepareImage({ bytes: turned(6) })
    expect(vips.Image.newFromBuffer(Buffer.from(base64, 'base64'), '').height).toBe(60)
  })
})
