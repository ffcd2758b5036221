/** Finds code, type, message and wait in whatever an error body looks like. */
import type { CallFailure } from '../../../domain/provider-failure.ts'
import { readDuration } from '../../../domain/retry-after.ts'

type Read = Pick<CallFailure, 'status' | 'code' | 'type' | 'message' | 'waitMs'>

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @param text of an answer whose status says that it failed. */
export function readErrorText(text: string): Read {
  try {
    return readError(JSON.parse(text))
  } catch {
    // A proxy's own page.
    return { message: text.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ') }
  }
}

/** @param value an error body, or the `error` of a chunk in a stream. */
export function readError(value: unknown): Read {
  const body = Array.isArray(value) ? value[0] : value
  if (typeof body === 'string') return { message: body }
  if (!isFields(body)) return { message: JSON.stringify(body) ?? '' }
  if (body.error !== undefined && body.error !== null) {
    const inner = readError(body.error)
    return { ...inner, message: inner.message || textOf(body.message) }
  }
  const raw = isFields(body.metadata) ? textOf(body.metadata.raw) : ''
  const number = Number(body.status_code ?? body.code ?? body.status)
  const details = Array.isArray(body.details) ? body.details.filter(isFields) : []
  const inner = isFields(body.innererror) ? textOf(body.innererror.code) : ''
  const reason = details.map(({ reason }) => textOf(reason)).find((text) => text !== '')
  const wait = details
    .map(({ retryDelay }) => readDuration(textOf(retryDelay)))
    .find((ms) => ms !== undefined)
  const word = typeof body.code === 'string' && Number.isNaN(Number(body.code)) ? body.code : undefined
  const type = [body.type, body.status].find((text) => typeof text === 'string' && text !== '')
  return {
    ...(number >= 400 && number <= 599 ? { status: number } : {}),
    code: inner || word || reason,
    type: typeof type === 'string' ? type : undefined,
    message:
      [textOf(body.message ?? body.detail ?? body.msg ?? body.error_message), raw]
        .filter((part) => part !== '')
        .join(' ') || JSON.stringify(body),
    waitMs: wait,
  }
}

const textOf = (value: unknown): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'string'
      ? value
      : (JSON.stringify(value) ?? '')
