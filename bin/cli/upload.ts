/** Sends a file to an upload's URL, with a progress bar on a terminal. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { basename, extname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Json } from '../../lib/client/types.ts'
import type { Api } from './api.ts'
import { CliError, EXIT, usageError } from './failure.ts'

/** Content type for the bucket; the service detects a file's type from its bytes. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.jsonl': 'application/jsonl',
  '.pdf': 'application/pdf',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.gif': 'image/gif',
}

/** Called only on a terminal, where the bar is redrawn in place. */
export type ShowProgress = (done: number, total: number) => void

/** @returns the upload's id. @throws CliError when the file cannot be read, or is refused. */
export async function uploadFile(api: Api, path: string, show: ShowProgress): Promise<string> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw usageError(`Cannot read ${path} (${cause.code}).`)
  })
  if (!found.isFile()) throw usageError(`${path} is no file.`)
  const upload = await api.json('createUpload', {
    body: {
      name: basename(path),
      content_type: MEDIA_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
      bytes: found.size,
    },
  })
  await put(upload, path, found.size, show)
  return upload.id
}

async function put({ url, headers }: Json<'createUpload'>, path: string, total: number, show: ShowProgress) {
  const send = url.startsWith('https:') ? requestSecure : requestPlain
  const call = send(url, { method: 'PUT', headers })
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    call.once('error', reject)
    call.once('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString().slice(0, 300) })
    })
  })
  let done = 0
  const file = createReadStream(path)
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      yield chunk
      done += chunk.length
      show(done, total)
    }
  }
  // After an early refusal the connection closes while the file is being sent; report the answer, not the broken pipe.
  const sent = pipeline(file, counted, call).catch(() => undefined)
  const { status, text } = await answered.catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.unreachable, `The upload of ${path} broke off (${cause.code ?? cause.message}).`)
  })
  file.destroy()
  await sent
  if (status !== 200)
    throw new CliError(
      EXIT.refused,
      `The upload of ${path} was refused (${status}): ${text.replace(/\s+/g, ' ')}`,
    )
}

const WIDTH = 30

/** `[=====>    ] 50 %  6.0 of 12.0 MB` */
export function progressBar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.round(share * WIDTH)
  const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}] ${percent} %  ${megabytes(done)} of ${megabytes(total)} MB`
}
