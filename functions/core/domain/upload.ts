import type { TaskKey } from './task.ts'

/** A file that a caller sends past the API, straight to the bucket. An input refers to it as `{"upload": id}`. */
export interface Upload extends TaskKey {
  readonly version: number
  /** As the caller calls it; a file's kind is never taken from it. */
  readonly name: string | null
  /** What was signed: the bucket takes no other. */
  readonly contentType: string
  readonly bytes: number
  readonly createdAt: number
  readonly linkEndsAt: number
  /** Seconds since 1970. A day at first; using it in a task moves it behind the life of the task. */
  readonly ttl: number
  /** What it is by its bytes; absent until they were looked at. */
  readonly mediaType?: string
}

export const UPLOAD_LIMITS = {
  bytes: 100_000_000,
  linkSeconds: 3_600,
  /** How long an upload that no task uses is kept. */
  unusedSeconds: 86_400,
  /** Of one task's input. */
  perTask: 50,
} as const

/** An upload that somewhere in an input stands as `{"upload": id}`. */
export interface UploadUse {
  readonly path: string
  readonly id: string
}

/** @returns every reference to an upload, with its path. */
export function uploadsIn(value: unknown, path: string): readonly UploadUse[] {
  if (value === null || typeof value !== 'object') return []
  const at = (key: string) => (path === '' ? key : `${path}.${key}`)
  return Object.entries(value).flatMap(([key, field]) =>
    key === 'upload' && typeof field === 'string' && !Array.isArray(value)
      ? [{ path: at(key), id: field }]
      : uploadsIn(field, at(key)),
  )
}

/** The whole life of a task that uses it: its longest wait, its run, and how long its row is kept. */
export const usedUntil = (now: number, keptDays: number): number =>
  Math.floor(now / 1_000) + keptDays * 86_400

/** A day of patience, so that an upload that many tasks use is not written for each of them. */
export const needsLongerLife = ({ ttl }: Upload, until: number): boolean => ttl < until - 86_400
