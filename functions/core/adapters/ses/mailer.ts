import type { Delivery, Mail, Mailer } from '../../ports/mailer.ts'
import { callLimits } from '../aws/call-limits.ts'

type Ses = typeof import('@aws-sdk/client-sesv2')

/** A mail with 25 MB of attachments takes some seconds. */
const REQUEST_MS = 30_000

/** Errors before a connection was established: nothing was sent. */
const CONNECTION_ERRORS =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CredentialsProviderError)$/
/** Temporary refusals: sending too fast, or sending is paused. */
const TEMPORARY_ERRORS = /TooManyRequests|Throttl|LimitExceeded|SendingPaused|ExpiredToken|RequestExpired/

/** Amazon SES, API version 2. The client is imported at the first mail. */
export class SesMailer implements Mailer {
  readonly #from: string | undefined
  #loaded: Promise<{ sdk: Ses; client: InstanceType<Ses['SESv2Client']> }> | undefined

  /** @param from the stage's address; without it, every mail is refused. */
  constructor(from: string | undefined) {
    this.#from = from
  }

  async send(mail: Mail): Promise<Delivery> {
    const from = this.#from
    if (from === undefined)
      return {
        outcome: 'refused',
        when: 'never',
        message:
          'This stage sends no mail: its file in lib/stages has no "mail" with an address to send from.',
      }
    const { sdk, client } = await this.#load()
    try {
      const { MessageId = '' } = await client.send(new sdk.SendEmailCommand(toRequest(from, mail)))
      return { outcome: 'sent', messageId: MessageId }
    } catch (cause) {
      return toDelivery(cause)
    }
  }

  #load() {
    this.#loaded ??= import('@aws-sdk/client-sesv2').then((sdk) => ({
      sdk,
      // One attempt: the SDK would send the mail a second time after a lost answer.
      client: new sdk.SESv2Client({ maxAttempts: 1, requestHandler: callLimits(REQUEST_MS) }),
    }))
    return this.#loaded
  }
}

const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' })

const toRequest = (from: string, mail: Mail) => ({
  FromEmailAddress: from,
  Destination: {
    ToAddresses: [...mail.to],
    CcAddresses: [...(mail.cc ?? [])],
    BccAddresses: [...(mail.bcc ?? [])],
  },
  ReplyToAddresses: [...(mail.replyTo ?? [])],
  Content: {
    Simple: {
      Subject: utf8(mail.subject),
      Body: {
        ...(mail.text === undefined ? {} : { Text: utf8(mail.text) }),
        ...(mail.html === undefined ? {} : { Html: utf8(mail.html) }),
      },
      Attachments: (mail.attachments ?? []).map(({ name, contentType, bytes }) => ({
        FileName: name,
        ContentType: contentType,
        RawContent: bytes,
      })),
    },
  },
})

/** A 4xx means that SES refused the mail; after a 5xx or a lost connection it may have been sent. */
export function toDelivery(cause: unknown): Delivery {
  const {
    name = '',
    code = '',
    $metadata,
  } = cause as {
    readonly name?: string
    readonly code?: string
    readonly $metadata?: { readonly httpStatusCode?: number }
  }
  const status = $metadata?.httpStatusCode
  const message = `SES: ${name || code || 'no answer'}`
  if (CONNECTION_ERRORS.test(code) || CONNECTION_ERRORS.test(name))
    return { outcome: 'refused', when: 'later', message }
  if (status === undefined || status >= 500 || status < 400 || status === 408)
    return { outcome: 'unknown', message }
  return {
    outcome: 'refused',
    when: status === 429 || TEMPORARY_ERRORS.test(name) ? 'later' : 'never',
    message,
  }
}
