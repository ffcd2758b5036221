/** The benchmarks' HTTP client: Node's own, which takes a third of the CPU of `fetch`. */
import { Agent, request } from 'node:http'

export interface Measured {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly perSecond: number
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
export const median = (values: readonly number[]): number => quantile(values, 0.5)

export class Driver {
  readonly #agent: Agent
  readonly #url: string

  constructor(url: string, maxSockets = 200) {
    this.#agent = new Agent({ keepAlive: true, maxSockets })
    this.#url = `${url}/api/v1`
  }

  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; text: string; retryAfter: number }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${this.#url}${path}`,
        { method, agent: this.#agent, headers: body ? { 'content-type': 'application/json' } : {} },
        (incoming) => {
          let text = ''
          incoming.setEncoding('utf8')
          incoming.on('data', (chunk: string) => {
            text += chunk
          })
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              text,
              retryAfter: Number(incoming.headers['retry-after'] ?? 0),
            }),
          )
        },
      )
      // A keep-alive connection that the server closed at the same moment, which every HTTP client can meet.
      outgoing.on('error', (cause: NodeJS.ErrnoException) =>
        cause.code === 'ECONNRESET' && outgoing.reusedSocket
          ? resolve(this.call(method, path, body))
          : reject(cause),
      )
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  async submit(body: object): Promise<string> {
    const { status, text } = await this.call('POST', '/tasks', body)
    if (status !== 202) throw new Error(`submit: ${status} ${text}`)
    return JSON.parse(text).id
  }

  /** Makes a number of calls, a limited number of them at once. */
  async load(concurrency: number, total: number, one: () => Promise<unknown>): Promise<Measured> {
    const times: number[] = []
    let left = total
    const startedAt = performance.now()
    const caller = async () => {
      while (left > 0) {
        left -= 1
        const from = performance.now()
        await one()
        times.push(performance.now() - from)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, caller))
    const seconds = (performance.now() - startedAt) / 1_000
    const [p50 = 0, p95 = 0, p99 = 0] = [0.5, 0.95, 0.99].map((share) => quantile(times, share))
    return { p50, p95, p99, perSecond: total / seconds }
  }

  close(): void {
    this.#agent.destroy()
  }
}
