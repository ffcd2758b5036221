/** Finds code, type, message and wait in error bodies of any format. */
import type { CallFailure } from '../../../domain/provider-failure.ts'
import { MAX_RETRY_AFTER_MS, readDuration } from '../../../domain/retry-after.ts'

export type ErrorFields = Pick<CallFailure, 'status' | 'code' | 'type' | 'message' | 'waitMs' | 'headers'>

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * @param text body of an answer with an error status.
 * @param readOwn reads a shape that only this provider has; undefined where it is another one.
 */
export function readErrorText(
  text: string,
  readOwn: (body: unknown) => ErrorFields | undefined = () => undefined,
): ErrorFields {
  try {
    const body: unknown = JSON.parse(text)
    return readOwn(body) ?? readError(body)
  } catch {
    // A proxy's HTML page. Neither expression searches a part of it twice, however many tags are not closed.
    return {
      message: text.replace(/<(style|script)(?:(?!<\1)[\s\S])*?<\/\1>/gi, ' ').replace(/<[^<>]*>/g, ' '),
    }
  }
}

/** @param value an error body, or the `error` of a chunk in a stream. */
export function readError(value: unknown): ErrorFields {
  const body = Array.isArray(value) ? value[0] : value
  if (typeof body === 'string') return { message: body }
  if (!isFields(body)) return { message: JSON.stringify(body) ?? '' }
  // Google repeats its error in a list.
  const listed = Array.isArray(body.errors) && !hasText(body.message) ? body.errors[0] : undefined
  // Some servers send `"error": true` beside the message.
  const nested = typeof body.error === 'boolean' ? listed : (body.error ?? listed)
  if (nested !== undefined && nested !== null) {
    const inner = readError(nested)
    const outer = statusOf(body)
    return {
      ...inner,
      ...(inner.status === undefined && outer !== undefined ? { status: outer } : {}),
      // Text Generation Inference sends the type beside the message, xAI a sentence.
      type: inner.type ?? wordOf(body.error_type),
      message: inner.message || textOf(body.message),
    }
  }
  // MiniMax answers errors with status 200 and a status of its own in the body.
  if (isFields(body.base_resp)) {
    const { status_code, status_msg } = body.base_resp
    return { message: textOf(status_msg), code: `base_resp_${textOf(status_code)}` }
  }
  const raw = isFields(body.metadata) ? textOf(body.metadata.raw) : ''
  const status = statusOf(body)
  const details = Array.isArray(body.details) ? body.details.filter(isFields) : []
  const inner = isFields(body.innererror) ? textOf(body.innererror.code) : ''
  const reason = details.map(({ reason }) => textOf(reason)).find((text) => text !== '')
  const wait = isUsedUpToday(details)
    ? MAX_RETRY_AFTER_MS
    : details.map(({ retryDelay }) => readDuration(textOf(retryDelay))).find((ms) => ms !== undefined)
  // A number that is no HTTP status is a code of the provider.
  const word = [body.code, body.error_code].map(textOf).find((code) => code !== '' && !isStatus(code))
  // AWS uses this field for exception names.
  const type = [body.type, body.__type, body.status].find((text) => typeof text === 'string' && text !== '')
  return {
    ...(status === undefined ? {} : { status }),
    code: inner || word || reason || wordOf(body.reason),
    type: typeof type === 'string' ? type : undefined,
    message:
      [
        textOf(
          body.message ?? body.Message ?? body.detail ?? body.msg ?? body.error_message ?? body.error_msg,
        ),
        raw,
      ]
        .filter((part) => part !== '')
        .join(' ') || JSON.stringify(body),
    waitMs: wait,
    headers: headersIn(body.metadata),
  }
}

/** Azure's gateway writes `statusCode`. */
function statusOf(body: Fields): number | undefined {
  const number = Number(body.statusCode ?? body.status_code ?? body.code ?? body.status)
  return isStatus(String(number)) ? number : undefined
}

const hasText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isStatus = (text: string): boolean => /^[45]\d\d$/.test(text)
const wordOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** Google states a wait of seconds even when a daily quota is used up: https://ai.google.dev/gemini-api/docs/rate-limits */
const isUsedUpToday = (details: readonly Fields[]): boolean =>
  details.some(
    ({ violations }) =>
      Array.isArray(violations) &&
      violations.some((violation) => isFields(violation) && /PerDay/.test(textOf(violation.quotaId))),
  )

/** OpenRouter repeats the headers of its limit in the body. */
const headersIn = (metadata: unknown): Record<string, string> =>
  isFields(metadata) && isFields(metadata.headers)
    ? Object.fromEntries(
        Object.entries(metadata.headers).map(([name, value]) => [name.toLowerCase(), textOf(value)]),
      )
    : {}

const textOf = (value: unknown): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'string'
      ? value
      : (JSON.stringify(value) ?? '')
