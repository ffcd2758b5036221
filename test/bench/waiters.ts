/**
 * `npm run bench:waiters`: how much longer 200 tasks take while 500 callers wait, each for a task that does not end. Both cases
 * are measured in turn, nine times, so that the ratio is valid on a busy machine too.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startModelServer } from '../fixtures/model-server.ts'
import { startProcess } from '../fixtures/running.ts'
import { Driver, median } from './driver.ts'

const WAITERS = 500
const TASKS = 200
const ROUNDS = 9
const GOAL = 1.1

const server = await startModelServer()
const state = await mkdtemp(join(tmpdir(), 'runner-bench-'))
const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
const running = await startProcess(['--port', '0'], env, state)
const driver = new Driver(running.url)
const waiting = new Driver(running.url, WAITERS)

async function drain(): Promise<number> {
  const from = performance.now()
  const asked = server.calls.length
  for (let count = 0; count < TASKS; count += 1)
    await driver.submit({ prompt: `drain ${count}`, model: 'stub-1000' })
  while (server.calls.length < asked + TASKS) await new Promise((resolve) => setTimeout(resolve, 20))
  return performance.now() - from
}

/** Callers that do what the README says: a caller that gets no place repeats its request after the time in the answer. */
function wait(): () => Promise<number> {
  let isOver = false
  let answers = 0
  const callers = Array.from({ length: WAITERS }, async () => {
    const id = await waiting.submit({ prompt: 'later', model: 'stub-1', delay_seconds: 3_600 })
    while (!isOver) {
      const { retryAfter } = await waiting.call('GET', `/tasks/${id}?wait=5`)
      answers += 1
      if (retryAfter > 0) await new Promise((resolve) => setTimeout(resolve, retryAfter * 1_000))
    }
  })
  return async () => {
    isOver = true
    await Promise.all(callers)
    return answers
  }
}

await drain()
const alone: number[] = []
const beside: number[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  alone.push(await drain())
  const stop = wait()
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  beside.push(await drain())
  console.log(
    `round ${round + 1}: ${alone.at(-1)?.toFixed(0)} ms alone, ${beside.at(-1)?.toFixed(0)} ms beside, ${await stop()} answers`,
  )
}
const ratio = median(beside) / median(alone)
console.log(
  `${ratio <= GOAL ? 'met   ' : 'missed'} ${TASKS} tasks of 1 s beside ${WAITERS} waiting callers take ${ratio.toFixed(2)} times as long (goal ≤ ${GOAL}): ${median(alone).toFixed(0)} ms and ${median(beside).toFixed(0)} ms`,
)
driver.close()
waiting.close()
await running.end('SIGINT')
await server.stop()
await rm(state, { recursive: true, force: true })
