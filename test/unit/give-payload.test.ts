import { describe, expect, it } from 'vitest'
import { answerWithPayload } from '../../functions/api/answer-with-payload.ts'
import { toTaskJson } from '../../functions/api/schemas/task-json.ts'
import type { Payload, Task } from '../../functions/core/domain/task.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryPayloads } from '../fixtures/memory-payloads.ts'

const NOW = 1_700_000_000_000
const file = { file: `file-${'a'.repeat(32)}`, name: 'a.pdf', content_type: 'application/pdf', bytes: 3 }
const files = { link: async (_key: object, _seconds: number, name = '') => `https://files.example/${name}` }
const URL_OF_FILE = `https://files.example/${file.file}`

async function ended(result: unknown, hasFiles?: true) {
  const payloads = new MemoryPayloads()
  const key = { tenant: 'acme', id: 'task0000000000000000000001' }
  const kept = await payloads.keep(key, 'result-1-1', JSON.stringify(result))
  const marked: Payload = 'key' in kept && hasFiles ? { ...kept, hasFiles } : kept
  const task = makeTask(NOW, { status: 'COMPLETED', result: marked, finishedAt: NOW })
  const parts = { payloads, files, store: { get: async () => task } } as unknown as Parameters<
    typeof answerWithPayload
  >[0]
  return { parts, task, payloads }
}
const linkOf = async (name: string) => `https://files.example/${name}`
const json = async (task: Task, payloads: MemoryPayloads) =>
  (await toTaskJson(task, { base: '/api/v1', read: payloads.read, linkOf })).result as Record<string, unknown>

describe('a result with files', () => {
  it.each([
    ['in the row', 10],
    ['in the bucket', 20_000],
  ])('%s includes their URLs, alone and in its task', async (_where, words) => {
    const result = { text: 'w'.repeat(words), files: [file] }
    const { parts, task, payloads } = await ended(result, true)
    const answer = await answerWithPayload(parts, task, 'result')
    expect(answer.status).toBe(200)
    const expected = { ...result, files: [{ ...file, url: URL_OF_FILE }] }
    expect(JSON.parse((answer as { text: string }).text)).toEqual(expected)
    expect(await json(task, payloads)).toEqual(expected)
  })

  it('that the URLs would make too large for an answer is returned without them', async () => {
    const result = { files: Array.from({ length: 30_000 }, () => file) }
    const { parts, task, payloads } = await ended(result, true)
    expect((await answerWithPayload(parts, task, 'result')).status).toBe(303)
    expect(await json(task, payloads)).toEqual(result)
  })

  it('without files that is large is downloaded from the bucket', async () => {
    const { parts, task } = await ended({ text: 'w'.repeat(20_000) })
    expect((await answerWithPayload(parts, task, 'result')).status).toBe(303)
  })
})
