/// <reference lib="dom" />
/** Shared by the pages: calls of the API and of the console's own data. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { fetchWithKey } from './key.ts'
import { load } from './load.ts'

export interface Problem extends Error {
  readonly status: number
  readonly errors: readonly { readonly path: string; readonly message: string }[]
}

export const apiPath = (): string => document.body.dataset.api ?? ''

/** @throws Problem with the API's message. */
export async function api<Answer>(
  path: string,
  body?: unknown,
  method = body === undefined ? 'GET' : 'POST',
): Promise<Answer> {
  const response = await fetchWithKey(`${apiPath()}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = response.status === 204 ? undefined : await response.json()
  if (response.ok) return answer as Answer
  const error = new Error(answer.detail ?? answer.message ?? `The API answered ${response.status}.`)
  throw Object.assign(error, { status: response.status, errors: answer.errors ?? [] })
}

export interface LiveData<Data> {
  readonly data: Data | undefined
  readonly error: Error | undefined
  readonly again: () => void
}

/** Loads now and at intervals while the page is visible; shows the last answer while it waits. */
export function useLive<Data>(get: () => Promise<Data>, everyMs: number, key = ''): LiveData<Data> {
  const [state, setState] = useState<{ data?: Data; error?: Error; key?: string }>({})
  const latest = useRef(get)
  latest.current = get
  const run = useRef<() => void>(() => undefined)
  useEffect(() => {
    let isOver = false
    let isRunning = false
    let wantsMore = false
    const once = async () => {
      if (isRunning) {
        wantsMore = true
        return
      }
      isRunning = true
      try {
        const data = await latest.current()
        if (!isOver) setState({ data, key })
        document.body.removeAttribute('data-lost')
      } catch (cause) {
        if (cause instanceof TypeError) document.body.toggleAttribute('data-lost', true)
        if (!isOver) setState((before) => ({ ...before, error: cause as Error }))
      }
      isRunning = false
      if (wantsMore) {
        wantsMore = false
        void once()
      }
    }
    run.current = () => void once()
    void once()
    const isSeen = () => document.visibilityState === 'visible'
    const timer = everyMs > 0 ? setInterval(() => isSeen() && void once(), everyMs) : 0
    const look = () => isSeen() && void once()
    document.addEventListener('visibilitychange', look)
    return () => {
      isOver = true
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [key, everyMs])
  return { data: state.data, error: state.error, again: () => run.current() }
}

export const useData = <Data>(path: string, everyMs: number): LiveData<Data> =>
  useLive(() => load<Data>(path), everyMs, path)

/** A task in the API's JSON. */
export interface Task {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly lane: string
  readonly priority: number
  readonly model: string | null
  readonly prompt: string | null
  readonly input: unknown
  readonly result: unknown
  readonly error: { readonly code: string; readonly message: string } | null
  readonly progress: { readonly percent: number; readonly message: string } | null
  readonly attempts: number
  readonly max_attempts: number
  readonly epoch: number
  readonly trace_id: string | null
  readonly usage: {
    readonly input_tokens: number
    readonly output_tokens: number
    readonly cost_usd: number | null
    readonly provider: string
  } | null
  readonly tags: readonly string[]
  readonly created_at: string
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly run_at: string | null
  readonly expires_at: string | null
  readonly history: readonly {
    readonly epoch: number
    readonly attempt: number
    readonly started_at: string
    readonly ended_at: string
    readonly outcome: string
    readonly provider: string | null
  }[]
  /** Absent in versions without checkpoints. */
  readonly steps?: readonly {
    readonly name: string
    readonly epoch: number
    readonly attempt: number
    readonly started_at: string
    readonly seconds: number
  }[]
}

export const FINAL: readonly string[] = ['COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED']
export const RETRYABLE: readonly string[] = ['FAILED', 'CANCELLED', 'EXPIRED']
export const STATUSES = ['PENDING', 'SCHEDULED', 'PROCESSING', 'RETRYING', ...FINAL]

export const costText = (usd: number | null | undefined): string =>
  usd === null || usd === undefined
    ? '–'
    : usd === 0
      ? '$0'
      : usd < 0.01
        ? `$${usd.toFixed(6)}`
        : `$${usd.toFixed(2)}`

export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
  return `${(ms / 3_600_000).toFixed(1)} h`
}

export function ageText(time: string): string {
  const seconds = Math.round((Date.now() - Date.parse(time)) / 1_000)
  if (seconds < 5) return 'now'
  if (seconds < 90) return `${seconds} s ago`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h ago`
  return `${Math.round(seconds / 86_400)} d ago`
}

export const instantText = (time: string): string => time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
