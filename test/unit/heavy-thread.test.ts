import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openHeavyThread } from '../../functions/core/adapters/system/heavy-thread.ts'
import type { ReadDocument } from '../../functions/tasks/document-process/heavy.ts'
import { makeDocxBomb, makePdf, makePdfBomb } from '../fixtures/documents/make-documents.ts'

const NAME = 'document-process/readDocument'
const never = new AbortController().signal
const pages = (count: number) =>
  makePdf(
    Array.from({ length: count }, (_, page) =>
      Array.from({ length: 40 }, (_, line) => ({
        text: `Page ${page} line ${line}`,
        size: 11,
        y: 790 - line * 14,
      })),
    ),
  )
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => ({ code: error.code, retry: error.retry }),
  )

describe('heavy work in a thread', () => {
  it('runs while the event loop of the batch continues', async () => {
    const heavy = openHeavyThread()
    let beats = 0
    const timer = setInterval(() => (beats += 1), 10)
    const read = (await heavy({ name: NAME, input: { bytes: pages(100) }, signal: never })) as ReadDocument
    clearInterval(timer)
    expect(read.pages).toBe(100)
    expect(read.text).toContain('Page 99 line 39')
    expect(beats).toBeGreaterThan(5)
  })

  it('one file that is refused, runs out of memory or out of time does not affect the next', async () => {
    const html = Buffer.from(`<html>${'<p>word</p>'.repeat(200_000)}`)
    const small = openHeavyThread({ heapMb: 16 })
    const quick = openHeavyThread({ timeoutMs: 1 })
    expect(
      await Promise.all([
        failure(small({ name: NAME, input: { bytes: makeDocxBomb() }, signal: never })),
        failure(small({ name: NAME, input: { bytes: html }, signal: never })),
        failure(small({ name: NAME, input: { bytes: Buffer.from('small') }, signal: never })),
        failure(quick({ name: NAME, input: { bytes: html }, signal: never })),
      ]),
    ).toEqual([
      { code: 'document_bomb', retry: 'never' },
      { code: 'file_too_complex', retry: 'never' },
      undefined,
      { code: 'file_too_complex', retry: 'never' },
    ])
  })

  it('a failed promise that a library left behind does not decide how the reading ends', async () => {
    // The parser of PDFs leaves one for some damaged files, at times before it has told its caller.
    const entry = new URL('../../functions/workers/heavy.ts', import.meta.url).href
    const thread = new Worker(
      `import(${JSON.stringify(entry)}).then(() => void Promise.reject(new Error('XRefEntryException')))`,
      { eval: true, workerData: { name: NAME, input: { bytes: Buffer.from('word') } } },
    )
    const ended = await new Promise((resolve) => thread.once('error', resolve).once('exit', resolve))
    expect(ended).toBe(0)
  })

  it('a file that uses up the memory of the process, in its heap or outside it, is refused', async () => {
    const heavy = openHeavyThread()
    const crowded = openHeavyThread({ processMb: 10 })
    const before = process.memoryUsage.rss()
    expect(
      await Promise.all([
        failure(crowded({ name: NAME, input: { bytes: pages(100) }, signal: never })),
        failure(heavy({ name: NAME, input: { bytes: makePdfBomb() }, signal: never })),
        failure(heavy({ name: NAME, input: { bytes: Buffer.from('small') }, signal: never })),
      ]),
    ).toEqual([
      { code: 'file_too_complex', retry: 'never' },
      { code: 'file_too_complex', retry: 'never' },
      undefined,
    ])
    expect(process.memoryUsage.rss() - before).toBeLessThan(700_000_000)
  })

  it('ends with the reason of the abort, also while it waits for the thread', async () => {
    const heavy = openHeavyThread()
    const controller = new AbortController()
    const both = [1, 2].map(() =>
      heavy({ name: NAME, input: { bytes: pages(100) }, signal: controller.signal }),
    )
    controller.abort(new Error('cancelled'))
    for (const one of both) await expect(one).rejects.toThrow('cancelled')
  })
})
