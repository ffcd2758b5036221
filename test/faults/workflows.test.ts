import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Task } from '../../functions/core/domain/task.ts'
import type { StepBody, WorkflowBody } from '../../functions/core/domain/workflow/compile.ts'
import type { Death } from '../fixtures/mortal.ts'
import { makeWorkflowWorld } from '../fixtures/workflow-world.ts'

/** Named steps, each after some of those before it. */
const graphs: fc.Arbitrary<WorkflowBody> = fc
  .tuple(
    fc.array(
      fc.record({
        after: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }),
        kind: fc.constantFrom('task', 'each', 'group'),
        size: fc.integer({ min: 0, max: 4 }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    fc.constantFrom('fail_fast' as const, 'continue' as const),
  )
  .map(([nodes, on_failure]) => ({
    on_failure,
    steps: Object.fromEntries(
      nodes.map(({ after, kind, size }, index) => {
        const before = [...new Set(after.filter((one) => one < index))]
        const name = before[0] === undefined ? undefined : `s${before[0]}`
        const step: StepBody = {
          type: 'test.run',
          after: before.map((one) => `s${one}`),
          input:
            kind === 'each' && name
              ? { item: { $each: `${name}.result.list` }, size }
              : { from: before.map((one) => ({ $from: `s${one}.result` })), size },
        }
        return [`s${index}`, step]
      }),
    ),
  }))

const deaths: fc.Arbitrary<readonly (Death | undefined)[]> = fc.array(
  fc.option(fc.record({ atCall: fc.integer({ min: 1, max: 12 }), isApplied: fc.boolean() }), {
    nil: undefined,
  }),
  { maxLength: 40 },
)

describe('a workflow whose processes die at any line', () => {
  it('runs every step once, joins once and ends right', async () => {
    await fc.assert(
      fc.asyncProperty(
        graphs,
        deaths,
        fc.array(fc.nat({ max: 19 }), { maxLength: 4 }),
        async (body, list, bad) => {
          const world = makeWorkflowWorld()
          const next = [...list]
          const deathOf = () => next.shift()
          const fails = (task: Task) =>
            bad.includes(Number(task.parent?.node.slice(1)) * 2 + (task.parent?.index ?? 0))
          await world.create(body)
          const ends = new Map<string, number>()
          for (let round = 0; round < 60; round += 1) {
            await world.repair(deathOf)
            for (const task of world.open()) {
              ends.set(task.id, (ends.get(task.id) ?? 0) + 1)
              await world.finish(
                task,
                fails(task) ? 'fails' : { result: { list: [1, 2, 3].slice(0, 1 + (round % 3)) } },
              )
            }
            await world.report(deathOf)
            if (
              world.read().status !== 'RUNNING' &&
              world.read().dueAt === undefined &&
              world.open().length === 0
            )
              break
            // Long enough for everything that is due after a death.
            await world.clock.advance(61_000)
          }
          const workflow = world.read()
          // Ended, with nothing left open or due.
          expect(workflow.status).not.toBe('RUNNING')
          expect(workflow.dueAt).toBeUndefined()
          expect(world.open()).toEqual([])
          // Each task ended once, whoever died.
          expect([...ends.values()].every((count) => count === 1)).toBe(true)
          // A step's tasks exist exactly when it ran, each index once, and its end is what its tasks say.
          for (const [name, state] of Object.entries(workflow.nodes)) {
            const tasks = world.tasks().filter(({ parent }) => parent?.node === name)
            expect(new Set(tasks.map(({ parent }) => parent?.index)).size).toBe(tasks.length)
            if (state.status === 'COMPLETED') {
              expect(tasks).toHaveLength(state.size ?? 0)
              expect(tasks.every(({ status }) => status === 'COMPLETED')).toBe(true)
            }
            if (state.status === 'SKIPPED') expect(tasks).toEqual([])
          }
          // Nothing started before what it stands behind had ended well.
          const states = Object.values(workflow.nodes).map(({ status }) => status)
          if (workflow.status === 'COMPLETED')
            expect(states.every((status) => status === 'COMPLETED')).toBe(true)
          else expect(states.includes('FAILED')).toBe(true)
          for (const [name, step] of Object.entries(body.steps ?? {}))
            if (workflow.nodes[name]?.status === 'COMPLETED')
              for (const before of step.after ?? []) expect(workflow.nodes[before]?.status).toBe('COMPLETED')
        },
      ),
      { numRuns: 400 },
    )
  })
})
