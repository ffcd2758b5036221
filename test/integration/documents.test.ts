import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { taskTypes } from '../../functions/tasks/registry.gen.ts'
import { Client, type TaskView } from '../fixtures/client.ts'
import { makeDocx, makeDocxBomb, makePdf } from '../fixtures/documents/make-documents.ts'
import { makeXlsx } from '../fixtures/documents/make-xlsx.ts'
import { startTestRuntime } from '../fixtures/running.ts'

interface Upload {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly media_type: string | null
}
interface Problem {
  readonly errors: readonly { readonly path: string; readonly message: string }[]
}

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
})
afterAll(() => running.stop())

const file = (name: string, bytes: Buffer) => ({ name, base64: bytes.toString('base64') })
const document = (name: string, bytes: Buffer) => ({
  type: 'document.process',
  input: { file: file(name, bytes) },
  model: 'simulated-fast',
})

describe('files, in the deployed bundles', () => {
  it('a zip bomb, an encrypted file and a wrong type fail with codes of their own; the other tasks of the batch complete', async () => {
    const good = document('a.docx', makeDocx([{ text: 'Report', heading: 1 }, { text: 'All is well.' }]))
    const sent = [
      good,
      document('bomb.docx', makeDocxBomb()),
      document('locked.pdf', makePdf([[{ text: 'x', size: 11, y: 9 }]], { isEncrypted: true })),
      document('long.pdf', makePdf(Array.from({ length: 5_000 }, () => []))),
      document('fine.pdf', makePdf([[{ text: 'Some words.', size: 11, y: 700 }]])),
    ]
    const tasks = await Promise.all(sent.map((body) => client.submit(body)))
    const ended = await Promise.all(tasks.map(({ id }) => client.done(id)))
    expect(ended.map(({ status, error }) => error?.code ?? status)).toEqual([
      'COMPLETED',
      'document_bomb',
      'document_encrypted',
      'document_too_long',
      'COMPLETED',
    ])
    expect(ended.every(({ attempts }) => attempts === 1)).toBe(true)
    expect((await client.post('/tasks', document('lie.pdf', Buffer.from('text')))).status).toBe(422)
    expect(ended[0]?.result).toMatchObject({ format: 'docx', parts: [{ heading: 'Report', start: 0 }] })
  })

  it('an upload goes directly to the bucket, its type is checked by its bytes, and the task reads it', async () => {
    const bytes = makePdf([[{ text: 'Acme met in Lyon.', size: 11, y: 700 }]])
    const asked = { name: 'report.pdf', content_type: 'application/pdf', bytes: bytes.byteLength }
    const { status, body: upload } = await client.post<Upload>('/uploads', asked)
    expect([status, upload.status, upload.media_type]).toEqual([201, 'waiting', null])
    const use = { type: 'document.process', input: { file: { upload: upload.id } }, model: 'simulated-fast' }
    const early = await client.post<Problem>('/tasks', use)
    expect([early.status, early.body.errors[0]?.path]).toEqual([422, 'input.file.upload'])
    const put = (body: Buffer, type = 'application/pdf') =>
      fetch(upload.url, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': type } })
    expect((await put(Buffer.concat([bytes, Buffer.from('x')]))).status).toBe(403)
    expect((await put(bytes, 'text/html')).status).toBe(403)
    expect((await put(bytes)).status).toBe(200)
    expect((await client.get<Upload>(`/uploads/${upload.id}`)).body).toMatchObject({
      status: 'uploaded',
      media_type: 'application/pdf',
    })
    const { id } = await client.submit(use)
    expect((await client.done(id)).result).toMatchObject({ format: 'pdf', pages: 1 })
    const lie = { type: 'data.analyze', input: { file: { upload: upload.id } }, model: 'simulated-fast' }
    const refused = await client.post<Problem>('/tasks', lie)
    expect([refused.status, refused.body.errors[0]?.message]).toEqual([
      422,
      expect.stringContaining('is application/pdf by its bytes'),
    ])
  })

  it('an upload may have 100 MB', async () => {
    const bytes = Buffer.alloc(100_000_000, 'a,b\n1,2\n')
    const { body } = await client.post<Upload>('/uploads', {
      content_type: 'text/csv',
      bytes: bytes.byteLength,
    })
    const put = await fetch(body.url, { method: 'PUT', body: bytes, headers: { 'content-type': 'text/csv' } })
    expect(put.status).toBe(200)
    const { body: seen } = await client.get<Upload>(`/uploads/${body.id}`)
    expect(seen).toMatchObject({ status: 'uploaded', media_type: 'text/plain' })
    const over = { content_type: 'text/csv', bytes: 100_000_001 }
    expect((await client.post('/uploads', over)).status).toBe(422)
  })

  it('a picture is returned as a file, with a link that works', async () => {
    const png =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
    const input = { file: { name: 'dot.png', base64: png }, format: 'avif' }
    const { id } = await client.submit({ type: 'image.transform', input })
    const { result, status, error } = await client.done(id)
    expect([status, error]).toEqual(['COMPLETED', null])
    const { file } = result as { file: { name: string; url: string; bytes: number } }
    const response = await fetch(file.url)
    expect(file.name).toBe('dot.avif')
    // The browser saves it and never opens it at the bucket's origin.
    const asked = new URL(file.url).searchParams.get('response-content-disposition')
    expect(asked).toBe("attachment; filename*=UTF-8''dot.avif")
    const bytes = Buffer.from(await response.arrayBuffer())
    expect([bytes.byteLength, bytes.subarray(4, 12).toString()]).toEqual([file.bytes, 'ftypavif'])
    const { body: alone } = await client.get<{ file: { url: string } }>(`/tasks/${id}/result`)
    expect((await fetch(alone.file.url)).status).toBe(200)
    const told = await client.submit({ type: 'image.describe', input: { file: { base64: png } } })
    expect((await client.done(told.id)).result).toMatchObject({ width: 1, height: 1, format: 'png' })
  })

  it('a mail goes only to the outbox, with its attachment', async () => {
    const { body: upload } = await client.post<Upload>('/uploads', { content_type: 'text/plain', bytes: 2 })
    await fetch(upload.url, { method: 'PUT', body: 'hi', headers: { 'content-type': 'text/plain' } })
    const mail = {
      ...{ to: ['ada@example.com'], subject: 'Hello {{name}}', html: '<p>{{name}}</p>' },
      ...{ values: { name: '<Ada>' }, attachments: [{ upload: upload.id, name: 'note.txt' }] },
    }
    const { id } = await client.submit({ type: 'email.send', input: mail })
    const { status, error, result } = await client.done(id)
    expect([status, error]).toEqual(['COMPLETED', null])
    expect(result).toMatchObject({ message_id: expect.any(String), html: '<p>&lt;Ada&gt;</p>' })
    const outbox = await (await fetch(`${running.url}/console/outbox`)).text()
    expect(outbox).toContain('Hello &#60;Ada&#62;')
    expect(outbox).toContain('note.txt (text/plain')
  })

  it('the quick test tries every type and succeeds', async () => {
    const program = ['bin/quick-test.ts', '--base', `${running.url}/api/v1`, '--model', 'simulated-fast']
    const { stdout } = await promisify(execFile)(process.execPath, program)
    for (const { name } of taskTypes) expect(stdout).toContain(`✅ ${name}\n`)
    expect(stdout).toContain('All tests passed')
  })

  it('the command line uploads a file and submits it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upload-'))
    const path = join(folder, 'numbers.csv')
    await writeFile(path, 'x,y\n1,2\n2,4\n3,6\n')
    const program = ['bin/taskrunner.ts', 'submit', 'data.analyze', '--base', running.url, '--wait']
    const flags = ['--file', path, '--input', '{"charts": false, "narrative": false}']
    const { stdout } = await promisify(execFile)(process.execPath, [...program, ...flags])
    await rm(folder, { recursive: true })
    expect(JSON.parse(stdout)).toMatchObject({ format: 'csv', rows: 3 })
  })

  it('the older path takes only the input, and the steps of the task are shown', async () => {
    const { status, body } = await client.post('/tasks/process-document', { text: 'Acme met in Lyon.' })
    expect([status, body.type, body.lane]).toEqual([202, 'document.process', 'documents'])
    const task = (await client.done(body.id)) as TaskView & { steps: { name: string; seconds: number }[] }
    expect(task.steps.map(({ name }) => name)).toEqual(['read', 'part 1 of 1', 'summary'])
    expect((await client.post('/tasks/process-document', { text: '' })).status).toBe(422)
  })

  it('a workbook gives statistics and charts', async () => {
    const { id } = await client.submit({
      type: 'data.analyze',
      input: {
        file: file(
          'a.xlsx',
          makeXlsx([
            ['x', 'y'],
            [1, 2],
            [2, 4],
            [3, 6],
          ]),
        ),
      },
      model: 'simulated-fast',
    })
    const { result } = await client.done(id)
    expect(result).toMatchObject({
      format: 'xlsx',
      rows: 3,
      correlations: [{ columns: ['x', 'y'], r: 1, rows: 3 }],
    })
  })

  it('text.generate returns JSON that matches the caller’s schema', async () => {
    const json_schema = {
      type: 'object',
      properties: { city: { type: 'string' }, size: { type: 'integer' } },
    }
    const { id } = await client.submit({
      type: 'text.generate',
      input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Where?' }] }], json_schema },
      model: 'simulated-fast',
    })
    expect((await client.done(id)).result).toEqual({ city: expect.any(String), size: expect.any(Number) })
  })
})
