import { beforeEach, describe, expect, it } from 'vitest'
import type { TaskMessage } from '../../functions/core/domain/task.ts'
import type { DeadLetters } from '../../functions/core/ports/dead-letters.ts'
import type { MessageDeliveries, MessageSender, QueueDepths } from '../../functions/core/ports/task-queue.ts'

export interface QueueBench {
  /** With lane `ai`; its visibility time-out is 30 s and its maximum receive count is three. */
  readonly queue: MessageSender
  readonly deliveries: MessageDeliveries
  readonly depths: QueueDepths
  readonly deadLetters: DeadLetters
  /** Up to ten messages as a worker gets them; waits at most this long for the first. */
  receive(
    waitSeconds: number,
  ): Promise<readonly { readonly message: TaskMessage; readonly receipt: string }[]>
  /** What the event source does with successful messages. */
  remove(receipt: string): Promise<void>
  now(): number
  pass(ms: number): Promise<void>
}

export const message = (id: string, more: Partial<TaskMessage> = {}): TaskMessage => ({
  v: 1,
  tenant: 'acme',
  id,
  epoch: 1,
  ...more,
})
const dead = (code = 'provider_unauthorized') => ({ code, attempts: 3 }) as NonNullable<TaskMessage['dead']>

/** What every task queue must do. `open` gives one whose lane `ai` is empty. */
export function taskQueueContract(name: string, open: () => Promise<QueueBench>): void {
  describe(`${name} meets the contract of a task queue`, () => {
    let bench: QueueBench
    beforeEach(async () => {
      bench = await open()
    })
    const receive = (waitSeconds = 5) => bench.receive(waitSeconds)

    /** Receives until there are this many, or no more arrive. */
    const receiveAll = async (count: number) => {
      const all: Awaited<ReturnType<QueueBench['receive']>>[number][] = []
      for (let n = 0; n < 10 && all.length < count; n += 1) all.push(...(await receive()))
      return all
    }
    const receiveAllDead = async (count: number) => {
      const all: Awaited<ReturnType<DeadLetters['receiveDead']>>[number][] = []
      for (let n = 0; n < 20 && all.length < count; n += 1) {
        const found = await bench.deadLetters.receiveDead('ai')
        all.push(...found)
        if (found.length === 0) await bench.pass(100)
      }
      return all
    }

    it('a message arrives unchanged', async () => {
      await bench.queue.send('ai', message('你好'))
      expect((await receive()).map((one) => one.message)).toEqual([message('你好')])
    })

    it('a worker receives more messages itself, with its own visibility and their receive count, and deletes those that are done', async () => {
      for (const id of ['a', 'b', 'c']) await bench.queue.send('ai', message(id))
      const taken: Awaited<ReturnType<MessageDeliveries['receiveMore']>>[number][] = []
      for (let n = 0; n < 10 && taken.length < 3; n += 1)
        taken.push(...(await bench.deliveries.receiveMore('ai', 2, 1, 2)))
      expect(taken.map((one) => one.message?.id).sort()).toEqual(['a', 'b', 'c'])
      expect(taken.map(({ receives }) => receives)).toEqual([1, 1, 1])
      await bench.deliveries.deleteAll(
        'ai',
        taken.filter((one) => one.message?.id !== 'b').map(({ receipt }) => receipt),
      )
      await bench.pass(2_100)
      const again: typeof taken = []
      for (let n = 0; n < 5 && again.length < 1; n += 1)
        again.push(...(await bench.deliveries.receiveMore('ai', 10, 1, 2)))
      expect(again).toMatchObject([{ message: { id: 'b' }, receives: 2 }])
      await bench.deliveries.deleteAll(
        'ai',
        again.map(({ receipt }) => receipt),
      )
      // A receipt handle that was already used is no failure.
      await bench.deliveries.deleteAll(
        'ai',
        taken.slice(0, 1).map(({ receipt }) => receipt),
      )
      await bench.deliveries.deleteAll('ai', [])
      expect(await bench.deliveries.receiveMore('ai', 10, 1, 2)).toEqual([])
    })

    it('one call sends many messages, each with its own delay', async () => {
      const sent = await bench.queue.sendAll('ai', [
        { message: message('a'), delaySeconds: 0 },
        { message: message('b', { tenant: 'Ä ö' }), delaySeconds: 2 },
        { message: message('c'), delaySeconds: 0 },
      ])
      expect(sent).toEqual([true, true, true])
      const first = await receiveAll(2)
      expect(first.map((one) => one.message.id).toSorted()).toEqual(['a', 'c'])
      await bench.pass(2_100)
      expect((await receive()).map((one) => one.message)).toEqual([message('b', { tenant: 'Ä ö' })])
    })

    it('messages of any tenant name can be sent', async () => {
      const tenants = ['a', 'Ä ö', '你好', 'x'.repeat(300), 'a#b/c "d"', '!"#$%&()*+,-./:;<=>?@[]^_`{|}~']
      for (const tenant of tenants) await bench.queue.send('ai', message('x', { tenant }))
      const seen = (await receiveAll(tenants.length)).map((one) => one.message.tenant)
      expect(seen.toSorted()).toEqual(tenants.toSorted())
    })

    it('a delayed message is not received before its time', async () => {
      const sentAt = bench.now()
      await bench.queue.send('ai', message('later'), 2)
      expect(await receive(0)).toEqual([])
      expect(await receive(15)).toHaveLength(1)
      // Whole seconds: an emulator or AWS may round the start down.
      expect(bench.now() - sentAt).toBeGreaterThan(1_000)
    })

    it('a message above the maximum receive count becomes a dead letter, without an error', async () => {
      await bench.queue.send('ai', message('too often'))
      for (let n = 0; n < 3; n += 1) {
        const [held] = await receive()
        expect(held?.message.id).toBe('too often')
        await bench.deliveries.changeVisibility('ai', held?.receipt ?? '', 1)
        await bench.pass(1_100)
      }
      for (let n = 0; n < 5; n += 1) {
        expect(await receive(0)).toEqual([])
        await bench.pass(200)
      }
      expect((await receiveAllDead(1)).map((one) => one.message)).toEqual([message('too often')])
    })

    it('a received message is invisible, and its visibility can be changed', async () => {
      await bench.queue.send('ai', message('held'))
      const [first] = await receive()
      expect(await receive(0)).toEqual([])
      await bench.deliveries.changeVisibility('ai', first?.receipt ?? '', 1)
      const [second] = await receive(15)
      expect(second?.message).toEqual(first?.message)
      await bench.deliveries.changeVisibility('ai', second?.receipt ?? '', 60)
      await bench.pass(1_200)
      expect(await receive(0)).toEqual([])
    })

    it('changes the visibility of 12 messages at once, and ignores one that is gone', async () => {
      for (let n = 0; n < 12; n += 1) await bench.queue.send('ai', message(`m${n}`))
      const receipts = (await receiveAll(12)).map(({ receipt }) => receipt)
      expect(receipts).toHaveLength(12)
      await bench.remove(receipts[0] ?? '')
      await bench.deliveries.changeVisibilityOfAll('ai', receipts, 1)
      expect(await receiveAll(11)).toHaveLength(11)
    })

    it('counts the messages that wait, are in flight and are delayed', async () => {
      await bench.queue.send('ai', message('taken'))
      expect(await receive()).toHaveLength(1)
      await bench.queue.send('ai', message('waiting'))
      await bench.queue.send('ai', message('delayed'), 600)
      await expect.poll(() => bench.depths.depth('ai')).toMatchObject({ visible: 1, inFlight: 1, delayed: 1 })
    })

    it('a dead letter carries its error, and is not a message of the lane', async () => {
      const marked = message('dead', { dead: dead(), epoch: 2 })
      await bench.deadLetters.sendDead('ai', marked)
      expect((await receiveAllDead(1)).map((one) => one.message)).toEqual([marked])
      expect(await receive(0)).toEqual([])
      await expect(bench.deadLetters.sendDead('ai', message('unmarked'))).rejects.toThrow('mark')
    })

    it('dead letters that are received become invisible and are still counted; released, they can be received again', async () => {
      for (let n = 0; n < 3; n += 1)
        await bench.deadLetters.sendDead('ai', message(`d${n}`, { dead: dead() }))
      const found = await receiveAllDead(3)
      expect(found).toHaveLength(3)
      expect(await bench.deadLetters.receiveDead('ai')).toEqual([])
      await expect.poll(() => bench.deadLetters.deadDepth('ai')).toBe(3)
      await bench.deadLetters.showDead(
        'ai',
        found.map(({ receipt }) => receipt),
      )
      await bench.pass(1_200)
      expect(await receiveAllDead(3)).toHaveLength(3)
    })

    it('deletes only the given dead letters, not their duplicates', async () => {
      for (const id of ['twin', 'twin', 'other'])
        await bench.deadLetters.sendDead('ai', message(id, { dead: dead() }))
      const found = await receiveAllDead(3)
      const twin = found.find((one) => one.message?.id === 'twin')
      await bench.deadLetters.deleteDead('ai', [twin?.receipt ?? ''])
      await bench.deadLetters.deleteDead('ai', [])
      await expect.poll(() => bench.deadLetters.deadDepth('ai')).toBe(2)
      await bench.deadLetters.showDead(
        'ai',
        found.map(({ receipt }) => receipt),
      )
      await bench.pass(1_200)
      const left = (await receiveAllDead(2)).map((one) => one.message?.id)
      expect(left.toSorted()).toEqual(['other', 'twin'])
    })
  })
}
