import { describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import type { Delivery, Mailer } from '../../functions/core/ports/mailer.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const KEY = { tenant: 'acme', id: 'derived-acme-key' }
const MAIL = { to: ['ada@example.com'], subject: 'Hello', text: 'x' }

function makeMailWorld(answers: readonly Delivery[] = []) {
  const world = makeWorld((async ({ mail }: TaskContext<unknown>) => mail.send(MAIL)) as never)
  let sends = 0
  const mailer: Mailer = {
    send: async () => {
      sends += 1
      return answers[sends - 1] ?? { outcome: 'sent', messageId: `mail-${sends}` }
    },
  }
  const work = (death?: Death) => {
    const life = new Life(death, (ms) => world.clock.sleep(ms))
    const { worker } = world
    const mortal = {
      ...worker,
      store: life.wrap(worker.store),
      ...queuePorts(life.wrap(world.queue)),
      steps: life.wrap(worker.steps),
      mailer: life.wrap(mailer),
    }
    pollLane(world, { worker: mortal })
  }
  const heal = async () => {
    for (let round = 0; round < 12; round += 1) {
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
      work()
      await world.clock.advance(61_000)
    }
  }
  const submit = () =>
    submitTask(world, {
      ...SUBMISSION,
      idempotencyKey: 'key',
      input: null,
      maxAttempts: 3,
      timeoutMs: 120_000,
    })
  return { ...world, work, heal, submit, sends: () => sends, row: () => world.store.get(KEY) }
}

describe('a task that sends a mail and whose process dies', () => {
  const deaths = Array.from({ length: 40 }, (_, index) => ({
    atCall: 1 + Math.floor(index / 2),
    isApplied: index % 2 === 1,
  }))

  it.each(deaths)(
    'at call $atCall, applied: $isApplied, sends at most once and reports the true outcome',
    async (death) => {
      const world = makeMailWorld()
      await world.submit()
      world.work(death)
      await world.clock.settle()
      await world.heal()
      const task = await world.row()
      expect(world.sends()).toBeLessThanOrEqual(1)
      if (task?.status === 'COMPLETED') {
        expect(world.sends()).toBe(1)
        expect(task.result).toEqual({ json: '{"messageId":"mail-1"}' })
      } else expect([task?.status, task?.error?.code]).toEqual(['FAILED', 'delivery_unknown'])
    },
  )

  it('the outcome is unknown after some of these crashes, and known after most', async () => {
    const ends = new Map<string, number>()
    for (const death of deaths) {
      const world = makeMailWorld()
      await world.submit()
      world.work(death)
      await world.clock.settle()
      await world.heal()
      const end = (await world.row())?.status ?? ''
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
    expect(ends.get('FAILED')).toBeGreaterThanOrEqual(2)
    expect(ends.get('COMPLETED')).toBeGreaterThan(ends.get('FAILED') ?? 0)
  })

  it('a suspended process that continues beside its successor does not send a second mail', async () => {
    for (let atCall = 3; atCall < 12; atCall += 1) {
      const world = makeMailWorld()
      await world.submit()
      world.work({ atCall, isApplied: false, stallMs: 200_000 })
      await world.clock.advance(1_000)
      await world.heal()
      expect(world.sends()).toBeLessThanOrEqual(1)
    }
  })
})

describe('a mail that SES refuses', () => {
  it('is tried again by the task’s next attempts where that can help, and sent once', async () => {
    const later: Delivery = { outcome: 'refused', when: 'later', message: 'SES: TooManyRequests' }
    const world = makeMailWorld([later, later])
    await world.submit()
    await world.heal()
    expect([(await world.row())?.status, world.sends()]).toEqual(['COMPLETED', 3])
  })

  it.each<[Delivery, string]>([
    [{ outcome: 'refused', when: 'never', message: 'SES: MessageRejected' }, 'mail_refused'],
    [{ outcome: 'unknown', message: 'SES: TimeoutError' }, 'delivery_unknown'],
  ])('ends the task: %j', async (answer, code) => {
    const world = makeMailWorld([answer])
    await world.submit()
    await world.heal()
    expect([(await world.row())?.error?.code, world.sends()]).toEqual([code, 1])
    // A retry by hand does not send again either, unless it says from the start.
    await retryTask(world, KEY, { isFromStart: false })
    await world.heal()
    expect([(await world.row())?.error?.code, world.sends()]).toEqual([code, 1])
    await retryTask(world, KEY, { isFromStart: true })
    await world.heal()
    expect([(await world.row())?.status, world.sends()]).toEqual(['COMPLETED', 2])
  })
})
