import { appendFile, readFile, writeFile } from 'node:fs/promises'

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
  /** Logarithm of a value, in steps of {@link STEP} → how many there were. */
  readonly spread: Map<number, number>
}

const BUCKET_MS = 10_000
const KEEP_MS = 24 * 3_600_000
/** Neighbouring steps differ by 2 %: a percentile is off by 1 % at most. */
const STEP = Math.log(1.02)
/** Step of zero and of what is below. */
const NONE = -1e9

/** What CloudWatch keeps of metrics, for a day and in memory, with a file that survives a restart. */
export class MetricStore {
  readonly #series = new Map<string, Map<number, Bucket>>()
  readonly #path: string | undefined
  /** Buckets before this one are in the file. */
  #savedUntil = 0

  /** @param path of the file; none for a store that forgets. */
  constructor(path?: string) {
    this.#path = path
  }

  add(metric: MetricId, value: number, at: number): void {
    const bucket = this.#bucket(keyOf(metric), at)
    bucket.sum += value
    bucket.count += 1
    bucket.min = Math.min(bucket.min, value)
    bucket.max = Math.max(bucket.max, value)
    const step = value > 0 ? Math.round(Math.log(value) / STEP) : NONE
    bucket.spread.set(step, (bucket.spread.get(step) ?? 0) + 1)
  }

  /**
   * One statistic of a metric from `from` up to `to`, both in ms since 1970.
   *
   * @param statistic `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount` or a percentile such as `p99`.
   * @returns undefined when nothing was measured.
   */
  value(metric: MetricId, statistic: string, from: number, to: number): number | undefined {
    return statisticOf(this.#within(keyOf(metric), from, to), statistic)
  }

  /** One value per whole period that begins in the range. */
  series(metric: MetricId, statistic: string, periodMs: number, from: number, to: number): Series {
    const first = Math.floor(from / periodMs)
    const parts: Bucket[][] = Array.from({ length: Math.ceil(to / periodMs) - first }, () => [])
    for (const [at, bucket] of this.#series.get(keyOf(metric)) ?? [])
      parts[Math.floor(at / periodMs) - first]?.push(bucket)
    return parts.map((buckets) => statisticOf(buckets, statistic))
  }

  /** Reads what an earlier run has saved. */
  async load(now: number): Promise<void> {
    if (!this.#path) return
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const kept = text.split('\n').filter((line) => this.#restore(line, now - KEEP_MS))
    await writeFile(this.#path, kept.map((line) => `${line}\n`).join(''))
    this.#savedUntil = now
  }

  /** Appends what has been measured since, a line per series and minute, and forgets what is older than a day. */
  async save(now: number, isLast = false): Promise<void> {
    const until = isLast ? Number.POSITIVE_INFINITY : Math.floor(now / 60_000) * 60_000
    const lines: string[] = []
    for (const [key, buckets] of this.#series) {
      const minutes = new Map<number, Bucket>()
      for (const [at, bucket] of buckets) {
        if (at < now - KEEP_MS) buckets.delete(at)
        if (at < this.#savedUntil || at >= until) continue
        const minute = Math.floor(at / 60_000) * 60_000
        minutes.set(minute, merge(minutes.get(minute) ?? newBucket(), bucket))
      }
      for (const [at, { sum, count, min, max, spread }] of minutes)
        lines.push(`${JSON.stringify([key, at, sum, count, min, max, ...[...spread].flat()])}\n`)
    }
    this.#savedUntil = until
    if (this.#path && lines.length > 0) await appendFile(this.#path, lines.join(''))
  }

  #restore(line: string, since: number): boolean {
    try {
      const [key, at, sum, count, min, max, ...steps] = JSON.parse(line) as [string, ...number[]]
      if (at === undefined || at < since) return false
      const spread = new Map<number, number>()
      for (let index = 0; index + 1 < steps.length; index += 2)
        spread.set(steps[index] as number, steps[index + 1] as number)
      merge(this.#bucket(key, at), { sum, count, min, max, spread } as Bucket)
      return true
    } catch {
      // A line that was cut by a kill.
      return false
    }
  }

  #bucket(key: string, at: number): Bucket {
    const buckets = this.#series.get(key) ?? new Map<number, Bucket>()
    this.#series.set(key, buckets)
    const start = Math.floor(at / BUCKET_MS) * BUCKET_MS
    const bucket = buckets.get(start) ?? newBucket()
    buckets.set(start, bucket)
    return bucket
  }

  #within(key: string, from: number, to: number): Bucket[] {
    return [...(this.#series.get(key) ?? [])]
      .filter(([at]) => at + BUCKET_MS > from && at < to)
      .map(([, bucket]) => bucket)
  }
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
