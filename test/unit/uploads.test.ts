import { describe, expect, it } from 'vitest'
import { progressBar } from '../../bin/cli/upload.ts'
import { uploadBody } from '../../functions/api/schemas/upload.ts'
import { openTaskFiles } from '../../functions/core/application/run/task-files.ts'
import { createUpload } from '../../functions/core/application/uploads/create-upload.ts'
import { getUpload } from '../../functions/core/application/uploads/get-upload.ts'
import { openUploadUse } from '../../functions/core/application/uploads/use-uploads.ts'
import { withFileLinks } from '../../functions/core/domain/file-links.ts'
import { detectMediaType } from '../../functions/core/domain/media-type.ts'
import { uploadsIn } from '../../functions/core/domain/upload.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld } from '../fixtures/world.ts'

const PDF = Buffer.from('%PDF-1.7\n')
const asked = { tenant: 'acme', name: 'a.pdf', contentType: 'application/pdf', bytes: 9 }

function open() {
  const world = makeWorld()
  const { clock, uploads, files, ids, worker } = world
  const dependencies = { clock, uploads, files, ids, stepScope: worker.stepScope }
  const use = openUploadUse({ ...dependencies, retentionDays: 7 })
  const check = (upload: string, tenant = 'acme', accepts?: readonly string[]) =>
    use(tenant, { name: 'a.b', ...(accepts ? { accepts } : {}) }, { file: { upload } }, 'input')
  return { ...dependencies, check }
}

describe('an upload', () => {
  it.each<[string, string | number[] | Buffer]>([
    ['application/pdf', '%PDF-1.4'],
    ['application/pdf', `Received: by x\n%PDF-1.4`],
    ['application/zip', 'PK\u0003\u0004'],
    ['image/jpeg', [0xff, 0xd8, 0xff, 0xe0]],
    ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
    ['image/webp', 'RIFF\u0001\u0002\u0003\u0004WEBPVP8 '],
    ['image/avif', '\0\0\0\u001cftypavif'],
    ['image/gif', 'GIF89a'],
    ['image/bmp', 'BM\u0036\u0010\0\0\0\0\0\0\u0036\0\0\0\u0028\0\0\0'],
    ['image/svg+xml', '<?xml version="1.0"?><!-- x --><svg xmlns="…">'],
    ['text/plain', 'a,b\n1,2\n'],
    ['text/plain', 'BMI,weight\n21,70\n'],
    ['text/plain', 'GIF8 or not'],
    ['text/plain', 'The ftyp box says what a film is.'],
    ['text/plain', Buffer.from('\uFEFF城市', 'utf16le')],
    ['text/plain', Buffer.from('plain', 'utf16le')],
    ['text/plain', Buffer.from('大海又宽又深。 一切都好，没有别的。', 'utf16le')],
    ['application/octet-stream', 'words and words with a \0 in between them'],
    ['application/octet-stream', [0x7f, 0x45, 0x4c, 0x46, 0x02, 0x01, 0x01, 0x80, 0x90, 0x00]],
    ['application/x-empty', ''],
  ])('is %s by its bytes (%#)', (type, bytes) => {
    expect(detectMediaType(Buffer.from(bytes as string, 'latin1'))).toBe(type)
  })

  it('waits for its file, and is deleted after a day when no task uses it', async () => {
    const world = open()
    const { upload } = await createUpload(world, asked)
    const key = { tenant: 'acme', id: upload.id }
    expect(await world.check(upload.id)).toEqual([
      { path: 'input.file.upload', message: expect.stringContaining('has not arrived yet') },
    ])
    world.files.put(key, PDF)
    expect((await getUpload(world, key)).mediaType).toBe('application/pdf')
    await world.clock.advance(86_400_000)
    await expect(getUpload(world, key)).rejects.toMatchObject({ code: 'not_found' })
    expect((await world.check(upload.id))[0]?.message).toContain('is no upload')
  })

  it('does not exist for another tenant', async () => {
    const world = open()
    const { upload } = await createUpload(world, asked)
    world.files.put(upload, PDF)
    expect((await world.check(upload.id, 'globex'))[0]?.message).toContain('is no upload')
    await expect(getUpload(world, { tenant: 'globex', id: upload.id })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('that a task uses is kept for the task’s longest wait and its retention; two concurrent uses count as one', async () => {
    const world = open()
    const { upload } = await createUpload(world, asked)
    world.files.put(upload, PDF)
    const both = await Promise.all([world.check(upload.id), world.check(upload.id)])
    expect(both).toEqual([[], []])
    await world.clock.advance(36 * 86_400_000)
    expect((await getUpload(world, upload)).mediaType).toBe('application/pdf')
    const stored = await world.uploads.get(upload)
    expect(stored?.version).toBe(2)
  })

  it('of a type that the task does not accept is refused, whatever its name says', async () => {
    const world = open()
    const { upload } = await createUpload(world, { ...asked, name: 'a.png', contentType: 'image/png' })
    world.files.put(upload, PDF)
    expect(await world.check(upload.id, 'acme', ['image/png'])).toEqual([
      { path: 'input.file.upload', message: 'is application/pdf by its bytes; a.b takes image/png.' },
    ])
    expect((await world.uploads.get(upload))?.version).toBe(1)
  })

  it('is found at any place in an input, with its path', () => {
    const input = { file: { upload: 'a' }, list: [{ x: { upload: 'b', name: 'n' } }], upload: 3 }
    expect(uploadsIn(input, 'input')).toEqual([
      { path: 'input.file.upload', id: 'a' },
      { path: 'input.list.0.x.upload', id: 'b' },
    ])
  })

  it.each([
    [{ content_type: 'application/pdf', bytes: 100_000_001 }],
    [{ content_type: 'application/pdf', bytes: 0 }],
    [{ content_type: 'pdf', bytes: 1 }],
    [{ content_type: 'text/plain\r\nx-amz-acl: public-read', bytes: 1 }],
    [{ bytes: 1 }],
  ])('with a wrong size or type is refused (%#)', (body) => {
    expect(uploadBody.safeParse(body).success).toBe(false)
  })

  it('shows its progress', () => {
    expect(progressBar(6_000_000, 12_000_000)).toBe('[===============               ]  50 %  6.0 of 12.0 MB')
  })
})

describe('a file in a result', () => {
  const file = { file: `file-${'a'.repeat(32)}`, name: 'a.png', content_type: 'image/png', bytes: 3 }
  const linkOf = async (name: string) => `https://bucket/${name}`

  it('gets a URL, at any place; a value that only looks like a file gets none', async () => {
    const result = { list: [{ picture: file }], other: { file: 'file-../../other', name: 'x' }, n: null }
    expect(await withFileLinks(result, linkOf)).toEqual({
      list: [{ picture: { ...file, url: `https://bucket/${file.file}` } }],
      other: { file: 'file-../../other', name: 'x' },
      n: null,
    })
  })
})

describe('the files of a task', () => {
  it('are written once for the same content, and can be read back; a reference to anything else fails', async () => {
    const world = open()
    const files = openTaskFiles(world, makeTask(world.clock.now()), new AbortController().signal)
    const file = { name: 'a.png', contentType: 'image/png', bytes: Buffer.from('picture') }
    const written = await files.write(file)
    expect(await files.write(file)).toEqual(written)
    expect(world.files.objects.size).toBe(1)
    expect(Buffer.from((await files.read(written)).bytes).toString()).toBe('picture')
    const strange = await files.write({ ...file, name: '../\u202egnp.exe\r\nX: y' })
    expect(strange.name).toBe('___gnp.exe__X: y')
    for (const name of ['../other/upload', 'input-x.json', 'upload'])
      await expect(files.read({ ...written, file: name })).rejects.toMatchObject({ code: 'upload_missing' })
    await expect(files.read({ upload: 'nope' })).rejects.toMatchObject({
      code: 'upload_missing',
      retry: 'never',
    })
  })
})
