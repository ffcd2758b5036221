import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../replace-file.ts'
import { serveGuarded } from './guarded-server.ts'
import type { Service } from './service.ts'
import type { Keys } from './signature.ts'

export interface SentMail {
  readonly id: string
  readonly at: number
  readonly from: string
  readonly to: readonly string[]
  readonly cc: readonly string[]
  readonly bcc: readonly string[]
  readonly replyTo: readonly string[]
  readonly subject: string
  readonly text: string | null
  readonly html: string | null
  readonly attachments: readonly {
    readonly name: string
    readonly contentType: string
    readonly base64: string
  }[]
}

interface Part {
  readonly Data?: string
}
interface SendEmail {
  readonly FromEmailAddress?: string
  readonly ReplyToAddresses?: readonly string[]
  readonly Destination?: {
    readonly ToAddresses?: readonly string[]
    readonly CcAddresses?: readonly string[]
    readonly BccAddresses?: readonly string[]
  }
  readonly Content?: {
    readonly Simple?: {
      readonly Subject?: Part
      readonly Body?: { readonly Text?: Part; readonly Html?: Part }
      readonly Attachments?: readonly {
        readonly FileName?: string
        readonly ContentType?: string
        readonly RawContent?: string
      }[]
    }
  }
}

const SEND = '/v2/email/outbound-emails'
/** Limited, because a schedule that keeps sending would fill the disk. */
const MAX_MAILS = 200

/** The operation of SES that the functions use, `SendEmail`: mails are only stored in a folder. */
export const startOutbox = (folder: string, keys: Keys): Promise<Service> =>
  serveGuarded(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (request.method !== 'POST' || request.url !== SEND)
      return answer(404, { message: `${request.method} ${request.url} is not known to the local runtime` })
    const mail = toMail(JSON.parse(Buffer.concat(chunks).toString('utf8')) as SendEmail)
    if (!mail) return answer(400, { message: 'Only simple content is known to the local runtime.' })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await replaceFile(join(folder, `${mail.id}.json`), JSON.stringify(mail))
    for (const name of (await namesIn(folder)).slice(MAX_MAILS)) await rm(join(folder, name), { force: true })
    answer(200, { MessageId: mail.id })
  }, keys)

function toMail(sent: SendEmail): SentMail | undefined {
  const simple = sent.Content?.Simple
  if (!simple) return undefined
  const { ToAddresses = [], CcAddresses = [], BccAddresses = [] } = sent.Destination ?? {}
  const at = Date.now()
  return {
    id: `${String(at).padStart(14, '0')}-${randomUUID()}`,
    at,
    from: sent.FromEmailAddress ?? '',
    to: ToAddresses,
    cc: CcAddresses,
    bcc: BccAddresses,
    replyTo: sent.ReplyToAddresses ?? [],
    subject: simple.Subject?.Data ?? '',
    text: simple.Body?.Text?.Data ?? null,
    html: simple.Body?.Html?.Data ?? null,
    attachments: (simple.Attachments ?? []).map(({ FileName = '', ContentType = '', RawContent = '' }) => ({
      name: FileName,
      contentType: ContentType,
      base64: RawContent,
    })),
  }
}

/** Newest first. */
const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => []))
    .filter((name) => /^[\w-]+\.json$/.test(name))
    .sort()
    .reverse()

export interface Outbox {
  readonly mails: readonly SentMail[]
  /** Files that contain no valid mail. */
  readonly damaged: readonly string[]
}

/** The latest fifty. */
export async function readOutbox(folder: string): Promise<Outbox> {
  const names = (await namesIn(folder)).slice(0, 50)
  const read = await Promise.all(
    names.map((name) => readFile(join(folder, name), 'utf8').then(toSentMail, () => undefined)),
  )
  return {
    mails: read.filter((mail) => mail !== undefined),
    damaged: names.filter((_, index) => !read[index]).map((name) => join(folder, name)),
  }
}

function toSentMail(text: string): SentMail | undefined {
  try {
    const mail = JSON.parse(text) as SentMail | null
    const lists = [mail?.to, mail?.cc, mail?.bcc, mail?.replyTo, mail?.attachments]
    return mail && typeof mail.subject === 'string' && lists.every(Array.isArray) ? mail : undefined
  } catch {
    return undefined
  }
}
