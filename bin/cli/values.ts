/** Parses the values of options into the API's formats. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import { usageError } from './failure.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, min: 60, h: 3_600, d: 86_400 }

/** `90`, `90s`, `15m`, `2h`, `1d`. @returns seconds. */
export function parseSeconds(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(s|min|m|h|d)?$/.exec(value.trim())
  if (!match) throw new InvalidArgumentError('It is a time span: 90, 90s, 15m, 2h or 1d.')
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)
}

/** `2026-11-24T09:00:00Z`. @returns RFC 3339. */
export function parseTime(value: string): string {
  if (/^\d{4}-\d\d-\d\d/.test(value)) {
    // A date, or a time without a zone, is read as UTC, like all times that the API shows.
    const text = value
      .trim()
      .replace(/^(\d{4}-\d\d-\d\d)\s+(\d)/, '$1T$2')
      .replace(/\s+(Z|[+-]\d\d:?\d\d)$/i, '$1')
    const zoned = text.includes('T') && !/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? `${text}Z` : text
    const at = Date.parse(zoned)
    if (!Number.isNaN(at)) return new Date(at).toISOString()
  }
  throw new InvalidArgumentError('It is a time: 2026-11-24T09:00:00Z.')
}

/** A time, or a duration before now. @returns RFC 3339. */
export function parseInstant(value: string): string {
  if (/^\d{4}-/.test(value)) return parseTime(value)
  try {
    return new Date(Date.now() - parseSeconds(value) * 1_000).toISOString()
  } catch {
    throw new InvalidArgumentError('It is a time (2026-11-24T09:00:00Z), or a span before now: 15m, 2h, 1d.')
  }
}

export function parseWholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('It is a whole number.')
  return Number(value)
}

export function parsePositive(value: string): number {
  const number = Number(value)
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('It is a number above 0.')
  return number
}

/** For options that may be repeated. */
export const addValue = (value: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  value,
]

/** The text itself, `@file`, or `-` for stdin. */
export async function readText(given: string): Promise<string> {
  if (given === '-' || given === '@-') return text(process.stdin)
  if (!given.startsWith('@')) return given
  return readFile(given.slice(1), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw usageError(`Cannot read ${given.slice(1)} (${cause.code}).`)
  })
}

/** JSON text, `@file`, or `-` for stdin. */
export async function readJsonValue(given: string, option = '--input'): Promise<unknown> {
  const found = await readText(given)
  try {
    return JSON.parse(found)
  } catch (cause) {
    throw usageError(
      `${option} is no JSON: ${(cause as Error).message}. Give JSON, @file.json, or - for stdin.`,
    )
  }
}
