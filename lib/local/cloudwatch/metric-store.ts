import { appendFile, readFile } from 'node:fs/promises'
import { replaceFile } from '../emulator/replace-file.ts'

export interface MetricId {
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** One value per period, oldest first; undefined where nothing was measured. */
export type Series = readonly (number | undefined)[]

/** Values of one series within {@link BUCKET_MS}. */
interface Bucket {
  sum: number
  count: number
  min: number
  max: number
  /** Logarithm of a value, in steps of {@link STEP} → number of such values. */
  readonly spread: Map<number, number>
}

/** By series and by the start of the bucket. */
type AllSeries = Map<string, Map<number, Bucket>>

const BUCKET_MS = 10_000
const MINUTE_MS = 60_000
/**
 * Older values are merged into longer buckets, as in CloudWatch: with buckets of ten seconds for a whole day, a steady load
 * needed 60 MB more each hour.
 */
const COARSER: readonly (readonly [olderMs: number, sizeMs: number])[] = [
  [10 * MINUTE_MS, MINUTE_MS],
  [3 * 3_600_000, 5 * MINUTE_MS],
]
const KEEP_MS = 24 * 3_600_000
/** Neighbouring steps differ by 2 %, so a percentile is exact to 1 %. */
const STEP = Math.log(1.02)
/** Step of zero and negative values. */
const NONE = -1e9

/** Metrics like CloudWatch's, for a day and in memory, with a file that survives a restart. */
export class MetricStore {
  readonly #series: AllSeries = new Map()
  /** Per minute, since the last save. */
  readonly #unsaved: AllSeries = new Map()
  readonly #path: string | undefined
  #prunedAt = 0

  /** @param path of the file; without it nothing is saved. */
  constructor(path?: string) {
    this.#path = path
  }

  add(metric: MetricId, value: number, at: number): void {
    const step = value > 0 ? Math.round(Math.log(value) / STEP) : NONE
    const one = { sum: value, count: 1, min: value, max: value, spread: new Map([[step, 1]]) }
    const key = keyOf(metric)
    merge(bucketOf(this.#series, key, at, BUCKET_MS), one)
    merge(bucketOf(this.#unsaved, key, at, MINUTE_MS), one)
  }

  /**
   * One statistic of a metric from `from` up to `to`, both in ms since 1970.
   *
   * @param statistic `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount` or a percentile such as `p99`.
   * @returns undefined when nothing was measured.
   */
  value(metric: MetricId, statistic: string, from: number, to: number): number | undefined {
    const buckets = [...this.#within(keyOf(metric), from, to)].map(([, bucket]) => bucket)
    return statisticOf(buckets, statistic)
  }

  /** One value per whole period that begins in the range. */
  series(metric: MetricId, statistic: string, periodMs: number, from: number, to: number): Series {
    const first = Math.floor(from / periodMs)
    const parts: Bucket[][] = Array.from({ length: Math.ceil(to / periodMs) - first }, () => [])
    for (const [at, bucket] of this.#within(
      keyOf(metric),
      first * periodMs,
      (first + parts.length) * periodMs,
    ))
      parts[Math.floor(at / periodMs) - first]?.push(bucket)
    return parts.map((buckets) => statisticOf(buckets, statistic))
  }

  get buckets(): number {
    return [...this.#series.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Reads the values that earlier runs saved. */
  async load(now: number): Promise<void> {
    if (!this.#path) return
    await this.#prune(this.#path, now, (line) => this.#restore(line, now - KEEP_MS, now))
  }

  async #prune(path: string, now: number, isKept: (line: string) => boolean): Promise<void> {
    this.#prunedAt = now
    const text = await readFile(path, 'utf8').catch(() => '')
    const kept = text.split('\n').filter(isKept)
    await replaceFile(path, kept.map((line) => `${line}\n`).join(''))
  }

  /** Appends the values since the last save, a line per series and minute, and removes those older than a day. */
  async save(now: number): Promise<void> {
    for (const [key, buckets] of this.#series) {
      for (const at of buckets.keys()) if (at < now - KEEP_MS) buckets.delete(at)
      for (const [olderMs, sizeMs] of COARSER) this.#coarsen(key, now - olderMs, sizeMs)
      if (buckets.size === 0) this.#series.delete(key)
    }
    const lines = [...this.#unsaved].flatMap(([key, minutes]) =>
      [...minutes].map(
        ([at, { sum, count, min, max, spread }]) =>
          `${JSON.stringify([key, at, sum, count, min, max, ...[...spread].flat()])}\n`,
      ),
    )
    this.#unsaved.clear()
    if (!this.#path || lines.length === 0) return
    await appendFile(this.#path, lines.join(''))
    const isKept = (line: string) => Number(/^\[".*?",(\d+),/.exec(line)?.[1]) >= now - KEEP_MS
    if (now - this.#prunedAt > KEEP_MS) await this.#prune(this.#path, now, isKept)
  }

  /** Merges only whole buckets, so that a window contains all of a bucket or nothing. */
  #coarsen(key: string, before: number, sizeMs: number): void {
    for (const [at, bucket] of [...(this.#series.get(key) ?? [])]) {
      if (at % sizeMs === 0 || Math.floor(at / sizeMs) * sizeMs + sizeMs > before) continue
      this.#series.get(key)?.delete(at)
      merge(bucketOf(this.#series, key, at, sizeMs), bucket)
    }
  }

  /** @returns whether the line is valid and not too old. A crash may have cut it, and users can edit the file. */
  #restore(line: string, since: number, now: number): boolean {
    try {
      const [key, ...numbers] = JSON.parse(line) as [string, ...number[]]
      const [at = 0, sum = 0, count = 0, min = 0, max = 0, ...steps] = numbers
      if (typeof key !== 'string' || !numbers.every(Number.isFinite) || steps.length === 0) return false
      if (at < since || at > now) return false
      const spread = new Map<number, number>()
      for (let index = 0; index + 1 < steps.length; index += 2)
        spread.set(steps[index] as number, steps[index + 1] as number)
      merge(bucketOf(this.#series, key, at, BUCKET_MS), { sum, count, min, max, spread })
      return true
    } catch {
      return false
    }
  }

  /** A bucket belongs to the window that contains its start. Iterates over the window, so that a minute does not read a whole day. */
  *#within(key: string, from: number, to: number): Iterable<readonly [number, Bucket]> {
    const buckets = this.#series.get(key)
    if (!buckets) return
    for (let at = Math.ceil(from / BUCKET_MS) * BUCKET_MS; at < to; at += BUCKET_MS) {
      const bucket = buckets.get(at)
      if (bucket) yield [at, bucket]
    }
  }
}

/** The bucket of a time, created if needed. */
function bucketOf(series: AllSeries, key: string, at: number, sizeMs: number): Bucket {
  const buckets = series.get(key) ?? new Map<number, Bucket>()
  series.set(key, buckets)
  const start = Math.floor(at / sizeMs) * sizeMs
  const bucket = buckets.get(start) ?? newBucket()
  buckets.set(start, bucket)
  return bucket
}

const newBucket = (): Bucket => ({
  sum: 0,
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  spread: new Map(),
})

function merge(into: Bucket, from: Bucket): Bucket {
  into.sum += from.sum
  into.count += from.count
  into.min = Math.min(into.min, from.min)
  into.max = Math.max(into.max, from.max)
  for (const [step, count] of from.spread) into.spread.set(step, (into.spread.get(step) ?? 0) + count)
  return into
}

function statisticOf(buckets: readonly Bucket[], statistic: string): number | undefined {
  if (buckets.length === 0) return undefined
  const all = buckets.reduce(merge, newBucket())
  switch (statistic) {
    case 'Sum':
      return all.sum
    case 'Average':
      return all.sum / all.count
    case 'Minimum':
      return all.min
    case 'Maximum':
      return all.max
    case 'SampleCount':
      return all.count
  }
  const [, percent] = /^p(\d{1,2}(?:\.\d+)?)$/.exec(statistic) ?? []
  if (percent === undefined) throw new Error(`The statistic ${statistic} is not known to the local console.`)
  return percentile(all, Number(percent) / 100)
}

function percentile({ spread, count, min, max }: Bucket, share: number): number {
  let left = Math.max(1, Math.ceil(count * share))
  for (const [step, items] of [...spread].sort(([a], [b]) => a - b)) {
    left -= items
    if (left <= 0) return step === NONE ? 0 : Math.min(max, Math.max(min, Math.exp(step * STEP)))
  }
  return max
}

const keyOf = ({ namespace, name, dimensions }: MetricId): string =>
  [
    namespace,
    name,
    ...Object.entries(dimensions)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
  ].join('|')
