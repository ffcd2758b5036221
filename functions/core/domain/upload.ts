import type { TaskKey } from './task.ts'

/** A file that a caller sends directly to the bucket. An input refers to it as `{"upload": id}`. */
export interface Upload extends TaskKey {
  readonly version: number
  /** The caller's name for the file; its type is never derived from it. */
  readonly name: string | null
  /** Type and size of the signed URL: the bucket refuses any other. */
  readonly contentType: string
  readonly bytes: number
  readonly createdAt: number
  readonly linkEndsAt: number
  /** Seconds since 1970. One day at first; a task that uses the upload extends it beyond its own lifetime. */
  readonly ttl: number
  /** Type detected from its bytes; absent until they were read. */
  readonly mediaType?: string
}

export const UPLOAD_LIMITS = {
  bytes: 100_000_000,
  linkSeconds: 3_600,
  /** How long an upload that no task uses is kept. */
  unusedSeconds: 86_400,
  /** Most uploads in one task's input. */
  perTask: 50,
} as const

/** A place in an input that contains `{"upload": id}`. */
export interface UploadUse {
  readonly path: string
  readonly id: string
}

export function uploadsIn(value: unknown, path: string): readonly UploadUse[] {
  if (value === null || typeof value !== 'object') return []
  const at = (key: string) => (path === '' ? key : `${path}.${key}`)
  return Object.entries(value).flatMap(([key, field]) =>
    key === 'upload' && typeof field === 'string' && !Array.isArray(value)
      ? [{ path: at(key), id: field }]
      : uploadsIn(field, at(key)),
  )
}

/** The longest possible lifetime of a task that uses the upload: its wait, its run, and how long its row is kept. */
export const usedUntil = (now: number, keptDays: number): number =>
  Math.floor(now / 1_000) + keptDays * 86_400

/** With a tolerance of one day, so that an upload used by many tasks is not written for each of them. */
export const needsLongerLife = ({ ttl }: Upload, until: number): boolean => ttl < until - 86_400
