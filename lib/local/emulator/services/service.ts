import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { QueueDepthSample, ServiceOrder, ThreadOrder } from './orders.ts'

export interface Service {
  readonly endpoint: string
  stop(): Promise<void>
}

export interface ServiceThread extends Service {
  /** For the service with the queues. */
  look(names: readonly string[]): Promise<readonly QueueDepthSample[]>
}

/** Starts one embedded service in a thread. @throws Error when its state cannot be opened. */
export async function startService(order: ServiceOrder): Promise<ServiceThread> {
  await mkdir(order.directory, { recursive: true })
  const thread = new Worker(join(import.meta.dirname, 'service-thread.ts'), {
    workerData: order,
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  })
  const port = await new Promise<number>((resolve, reject) => {
    thread.once('error', (cause) =>
      reject(
        new Error(
          `The embedded ${order.kind} does not start: ${cause.message}. Its state lies in ${order.directory}: put a copy there, or start once with --fresh, which forgets all tasks.`,
          {
            cause,
          },
        ),
      ),
    )
    thread.once('message', ({ port: own }: { port: number }) => resolve(own))
  })
  return {
    endpoint: `http://127.0.0.1:${port}`,
    look: (names) =>
      new Promise((resolve) => {
        thread.once('message', resolve)
        thread.postMessage({ look: names } satisfies ThreadOrder)
      }),
    async stop() {
      const isStopped = new Promise<void>((resolve) => {
        thread.once('exit', () => resolve())
        thread.once('message', () => resolve())
      })
      thread.postMessage('stop' satisfies ThreadOrder)
      // Idle keep-alive connections keep a server open, but their users have stopped by now.
      await Promise.race([isStopped, new Promise((resolve) => setTimeout(resolve, 1_000))])
      await thread.terminate()
    },
  }
}
