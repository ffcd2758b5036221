import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'

const MODULE = JSON.stringify(new URL('../../lib/local/emulator/idle-memory.mjs', import.meta.url).href)

it('returns the memory that a busy thread used, once the thread is idle', async () => {
  const thread = new Worker(
    `import(${MODULE}).then(({ collectWhenIdle }) => {
      collectWhenIdle(50)
      let kept = Array.from({ length: 200_000 }, (_, n) => ({ n, text: 'x' + n }))
      setTimeout(() => { kept = undefined; require('node:worker_threads').parentPort.postMessage('rests') }, 60)
      setInterval(() => kept, 1_000)
    })`,
    { eval: true },
  )
  try {
    await new Promise((resolve) => thread.once('message', resolve))
    const busy = (await thread.getHeapStatistics()).total_heap_size
    // V8 alone would take 8 s.
    await expect
      .poll(async () => (await thread.getHeapStatistics()).total_heap_size, { timeout: 5_000, interval: 50 })
      .toBeLessThan(busy / 2)
  } finally {
    await thread.terminate()
  }
})
