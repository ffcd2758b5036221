import { describe, expect, it } from 'vitest'
import { answerWithPayload } from '../../functions/api/answer-with-payload.ts'
import { taskSchema } from '../../functions/api/schemas/task.ts'
import { toTaskJson } from '../../functions/api/schemas/task-json.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { watchTask } from '../../functions/core/application/tasks/watch-task.ts'
import { showWorkflow } from '../../functions/core/application/workflow/show-workflow.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { START_POSITION } from '../../functions/core/domain/text-piece.ts'
import { makeWorkflowWorld, TENANT } from '../fixtures/workflow-world.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

/** Too large for a row. */
const LARGE = '文'.repeat(30_000)

describe('an object in the bucket that somebody deleted', () => {
  it.each([
    ['text', { prompt: LARGE }],
    ['a value of a type', { rows: Array.from({ length: 20_000 }, (_, index) => index) }],
  ])(
    'the input, %s: the attempt ends with its own code and is not retried; the task names the missing object',
    async (_, input) => {
      let runs = 0
      const world = makeWorld(async () => {
        runs += 1
      })
      const { task } = await submitTask(world, { ...SUBMISSION, input })
      expect(world.payloads.objects.size).toBe(1)
      world.payloads.objects.clear()
      for (let polls = 0; polls < 5; polls += 1) {
        await pollLane(world)
        await world.clock.advance(600_000)
      }
      const row = (await world.store.get(task)) as Task
      expect(row).toMatchObject({
        status: 'FAILED',
        attempt: 1,
        error: { code: 'missing', retryable: false },
      })
      expect(row.history).toHaveLength(1)
      expect(runs).toBe(0)
      const json = await toTaskJson(row, { base: '/api/v1', read: world.payloads.read })
      expect(taskSchema.parse(json)).toMatchObject({ status: 'FAILED', input: null, missing: ['input'] })
    },
  )

  it('a result: an event stream reports the end without its text, and a request for the result alone reports it missing', async () => {
    const world = makeWorld(async () => LARGE)
    const { task } = await submitTask(world, SUBMISSION)
    await pollLane(world)
    await world.clock.advance(1_000)
    const row = (await world.store.get(task)) as Task
    expect(row).toMatchObject({ status: 'COMPLETED', result: { key: expect.any(String) } })
    world.payloads.objects.clear()
    const kinds: string[] = []
    for await (const event of watchTask(world.worker, task, START_POSITION, {
      until: world.clock.now() + 1_000,
    }))
      kinds.push(event.kind)
    expect(kinds.at(-1)).toBe('end')
    // A result with files is read to add their URLs; without files, S3 itself reports that the object is missing.
    const marked = { ...row, result: { ...row.result, hasFiles: true } }
    const parts = { payloads: world.payloads, files: {}, store: { get: async () => marked } }
    await expect(answerWithPayload(parts as never, task, 'result')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('has been deleted'),
    })
  })

  const step = (input: unknown = {}, more: object = {}) => ({ type: 'test.run', input, ...more })

  it('a step’s result: the step that refers to it fails with its name, and so does the workflow', async () => {
    for (const body of [
      { chain: [step(), step({ all: { $from: 'previous.result' } })] },
      { steps: { first: step(), each: step({ item: { $each: 'first.result.items' } }) } },
      { steps: { first: step(), maybe: step({}, { if: { $from: 'first.result.items', exists: true } }) } },
    ]) {
      const world = makeWorkflowWorld()
      const id = await world.create(body as never)
      await world.advance(id)
      const result = { items: [LARGE] }
      await world.finish(world.open()[0] as Task, { result })
      const kept = await world.payloads.keep({ tenant: TENANT, id: 'x' }, 'result', JSON.stringify(result))
      for (const row of world.tasks()) if (row.result) Object.assign(row, { result: kept })
      world.payloads.objects.clear()
      await world.report()
      await world.advance(id)
      expect(world.read(id)).toMatchObject({ status: 'FAILED' })
      const codes = Object.values(world.read(id).nodes).map(({ error }) => error)
      expect(codes).toContainEqual(
        expect.objectContaining({
          code: 'reference_missing',
          message: expect.stringContaining('has been deleted'),
        }),
      )
    }
  })

  it('a workflow’s plan: it ends with that error, its open tasks are cancelled, and it can still be read', async () => {
    const world = makeWorkflowWorld()
    const plan = await world.payloads.keep({ tenant: TENANT, id: 'w1' }, 'plan', JSON.stringify({ x: LARGE }))
    const id = await world.create({ chain: [step(), step()] })
    await world.advance(id)
    expect(world.open()).toHaveLength(1)
    const row = world.read(id)
    world.workflows.rows.set(
      [...world.workflows.rows.keys()][0] as never,
      { ...row, plan, dueAt: world.clock.now() } as never,
    )
    world.payloads.objects.clear()
    for (let times = 0; times < 3; times += 1) await world.advance(id)
    expect(world.read(id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'plan_missing', retryable: false },
    })
    expect(world.read(id).dueAt).toBeUndefined()
    expect(world.open()).toEqual([])
    expect(await showWorkflow(world, world.read(id))).toMatchObject({ steps: [] })
  })
})
