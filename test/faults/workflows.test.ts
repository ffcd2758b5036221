import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryWorkflow, signalWorkflow } from '../../functions/core/application/workflow/change-workflow.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import {
  compileWorkflow,
  type StepBody,
  type WorkflowBody,
} from '../../functions/core/domain/workflow/compile.ts'
import type { Plan } from '../../functions/core/domain/workflow/plan.ts'
import type { Death } from '../fixtures/mortal.ts'
import { makeWorkflowWorld, TENANT } from '../fixtures/workflow-world.ts'
import { expectedStates, type Outcomes } from './kit/expected-states.ts'

const KINDS = ['task', 'each', 'if', 'wait', 'refused', 'rescue'] as const

/** Named steps, each after some of those before it. */
const named = fc
  .array(
    fc.record({
      after: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }),
      kind: fc.constantFrom(...KINDS, 'task' as const, 'each' as const),
      number: fc.nat({ max: 3 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((nodes): WorkflowBody => {
    const steps = nodes.map(({ after, kind, number }, index): [string, StepBody] => {
      const before = [...new Set(after.filter((one) => one < index))].map((one) => `s${one}`)
      const first = before[0]
      const input = { number, from: before.map((one) => ({ $from: `${one}.result` })) }
      const task = { type: 'test.run', after: before, input }
      // It runs without the failed step's result.
      if (kind === 'rescue') {
        const instead = before.map((one) => ({ $from: `${one}.result.number`, default: -1 }))
        return [`s${index}`, { ...task, input: { number, rescues: true, from: instead } }]
      }
      if (kind === 'wait') return [`s${index}`, waiting(`go${index % 3}`, number, before)]
      if (kind === 'each' && first)
        return [`s${index}`, { ...task, input: { number, item: { $each: `${first}.result.list` } } }]
      if (kind === 'if' && first)
        return [
          `s${index}`,
          { ...task, if: { $from: `${first}.result.number`, default: -1, equals: number } },
        ]
      // Its input is found to be invalid when it starts.
      return [`s${index}`, kind === 'refused' && number === 0 ? { ...task, type: 'test.refused' } : task]
    })
    return { steps: Object.fromEntries(steps) }
  })

const waiting = (signal: string, number: number, after?: readonly string[]): StepBody => ({
  ...(after ? { after } : {}),
  wait: { signal, timeout_seconds: 3_000, on_timeout: number % 2 ? 'continue' : 'fail' },
})

/** Nested chains, groups and chords. */
const { nested } = fc.letrec<{ nested: StepBody; leaf: StepBody }>((tie) => ({
  leaf: fc.nat({ max: 3 }).map((number) => ({ type: 'test.run', input: { number } })),
  nested: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    tie('leaf'),
    fc.nat({ max: 5 }).map((number) => waiting(`go${number % 3}`, number)),
    fc.array(tie('nested'), { minLength: 1, maxLength: 3 }).map((chain) => ({ chain })),
    fc.array(tie('leaf'), { minLength: 1, maxLength: 4 }).map((group) => ({ group })),
    fc.array(tie('nested'), { minLength: 1, maxLength: 3 }).map((group) => ({ group })),
    fc
      .tuple(fc.array(tie('nested'), { minLength: 1, maxLength: 3 }), tie('leaf'))
      .map(([group, then]) => ({ chord: { group, then } })),
  ),
}))

const graphs: fc.Arbitrary<WorkflowBody> = fc
  .tuple(
    fc.oneof(
      named,
      nested.map((step): WorkflowBody => ({ chain: [step] })),
    ),
    fc.constantFrom('fail_fast' as const, 'continue' as const),
  )
  .map(([body, on_failure]) => ({ ...body, on_failure }))

const deaths: fc.Arbitrary<readonly (Death | undefined)[]> = fc.array(
  fc.option(fc.record({ atCall: fc.integer({ min: 1, max: 14 }), isApplied: fc.boolean() }), {
    nil: undefined,
  }),
  { maxLength: 60 },
)

const nameOf = (task: Task) => `${task.parent?.node}/${task.parent?.index}`
const numberOf = (task: Task): number => JSON.parse('json' in task.input ? task.input.json : '{}').number ?? 0

/** Runs a graph to its end, with crashes, and checks the rows. */
async function live(body: WorkflowBody, list: readonly (Death | undefined)[], outcomes: Outcomes) {
  const world = makeWorkflowWorld()
  const compiled = compileWorkflow(body)
  if ('errors' in compiled) throw new Error(JSON.stringify(compiled.errors))
  const { plan } = compiled
  const next = [...list]
  const deathOf = () => next.shift()
  // A node that starts twice joins twice. A node that starts before all the nodes it depends on have ended joins too early.
  const starts = new Map<string, number>()
  const early: string[] = []
  const replace = world.workflows.replace.bind(world.workflows)
  world.workflows.replace = async (seen, row) => {
    const isWritten = await replace(seen, row)
    if (!isWritten) return false
    for (const { name, after } of plan.nodes) {
      const status = row.nodes[name]?.status
      if (seen.nodes[name]?.status !== 'WAITING' || (status !== 'STARTING' && status !== 'RUNNING')) continue
      starts.set(`${name}#${row.epoch}`, (starts.get(`${name}#${row.epoch}`) ?? 0) + 1)
      if (world.open().some(({ parent }) => after.includes(parent?.node ?? ''))) early.push(name)
    }
    return true
  }
  const completions = new Map<string, number>()
  const ports = { workflows: world.workflows, clock: world.clock }
  const id = await world.create(body)
  const run = async ({ fails }: Pick<Outcomes, 'fails'>) => {
    for (let round = 0; round < 80; round += 1) {
      await world.repair(deathOf)
      for (const signal of round === 2 ? outcomes.signals : [])
        await signalWorkflow(
          ports,
          { tenant: TENANT, id },
          signal,
          { json: JSON.stringify({ list: ['x'], number: 1 }) },
          plan,
        ).catch(() => undefined)
      // Some tasks end in this round, the others in a later one.
      const ending = world.open().filter((_, index) => (index * 7 + round) % 3 !== 0 || round % 4 === 3)
      for (const task of ending) {
        const number = numberOf(task)
        const isFailure = fails.has(nameOf(task))
        if (!isFailure) completions.set(task.id, (completions.get(task.id) ?? 0) + 1)
        await world.finish(
          task,
          isFailure ? 'fails' : { result: { number, list: Array.from({ length: number }) } },
        )
      }
      await world.report(deathOf)
      const { status, dueAt } = world.read()
      if (status !== 'RUNNING' && dueAt === undefined && world.open().length === 0) break
      // Long enough for everything that is due after a crash; sometimes also for rows without a message.
      await world.clock.advance(round % 5 === 1 ? 16 * 60_000 : 61_000)
    }
  }
  await run(outcomes)
  return { world, plan, starts, early, completions, run, ports, id }
}

type Lived = Awaited<ReturnType<typeof live>>

function check({ world, plan, starts, early, completions }: Lived, outcomes: Outcomes): void {
  const workflow = world.read()
  // Ended, with nothing left open or due.
  expect(workflow.status).not.toBe('RUNNING')
  expect(workflow.dueAt).toBeUndefined()
  expect(world.open()).toEqual([])
  // No step began twice, and no task ran again after its result was stored.
  expect([...starts.values()].filter((count) => count > 1)).toEqual([])
  expect(early).toEqual([])
  expect([...completions.values()].filter((count) => count > 1)).toEqual([])
  // A step's tasks exist exactly when it ran, each index once, and its state follows from theirs.
  for (const [name, state] of Object.entries(workflow.nodes)) {
    const tasks = world.tasks().filter(({ parent }) => parent?.node === name)
    expect(new Set(tasks.map(({ parent }) => parent?.index)).size).toBe(tasks.length)
    if (state.status === 'COMPLETED') {
      expect(tasks).toHaveLength(state.size ?? 0)
      expect(tasks.every(({ status }) => status === 'COMPLETED')).toBe(true)
    }
    if (state.status === 'SKIPPED') expect(tasks).toEqual([])
  }
  // The states that the graph implies, computed without any process, queue or crash.
  const expected = expectedStates(plan, outcomes)
  const states = Object.fromEntries(
    Object.entries(workflow.nodes).map(([name, { status }]) => [name, status]),
  )
  const hasFailure = Object.values(expected).includes('FAILED')
  expect(workflow.status).toBe(hasFailure ? 'FAILED' : 'COMPLETED')
  if (plan.onFailure === 'continue' || !hasFailure) expect(states).toEqual(expected)
  else
    for (const [name, status] of Object.entries(states))
      if (status === 'COMPLETED') expect([name, expected[name]]).toEqual([name, 'COMPLETED'])
}

const outcomesOf = (plan: Plan, picks: readonly number[], signals: readonly string[]): Outcomes => {
  const all = plan.nodes.flatMap((node) => [0, 1, 2, 3].map((index) => `${node.name}/${index}`))
  return {
    fails: new Set(picks.map((pick) => all[pick % all.length] ?? '')),
    signals: new Set(signals),
  }
}

const planOf = (body: WorkflowBody): Plan => {
  const compiled = compileWorkflow(body)
  if ('errors' in compiled) throw new Error(JSON.stringify(compiled.errors))
  return compiled.plan
}

describe('a workflow whose processes die at any call', () => {
  it('runs every step once, joins once and ends correctly, also after a retry by hand', async () => {
    await fc.assert(
      fc.asyncProperty(
        graphs,
        deaths,
        fc.array(fc.nat({ max: 99 }), { maxLength: 3 }),
        fc.subarray(['go0', 'go1', 'go2']),
        async (body, list, picks, signals) => {
          const outcomes = outcomesOf(planOf(body), picks, signals)
          const lived = await live(body, list, outcomes)
          check(lived, outcomes)
          if (lived.world.read().status !== 'FAILED') return
          // Failed tasks now succeed; completed ones do not run again.
          await lived.world.clock.advance(120_000)
          await retryWorkflow(lived.ports, { tenant: TENANT, id: lived.id })
          const healed = { ...outcomes, fails: new Set<string>() }
          await lived.run(healed)
          check(lived, healed)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('a join of more than one shard is complete, whichever process died while it was filled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(500, 501, 999, 1_000, 1_001, 1_020), deaths, async (size, list) => {
        const body: WorkflowBody = {
          chord: {
            group: Array.from({ length: size }, (_, number) => ({
              type: 'test.run',
              input: { number: number % 3 },
            })),
            then: { type: 'test.run', input: { number: 1, all: { $from: 'previous.results' } } },
          },
        }
        // Crashes at the end too, where shards become full.
        const spread = Array.from(
          { length: size },
          (_, index) => list[index % 97] ?? list[(size - index) % 89],
        )
        const outcomes = { fails: new Set<string>(), signals: new Set<string>() }
        const lived = await live(body, spread, outcomes)
        check(lived, outcomes)
        expect(lived.world.tasks()).toHaveLength(size + 1)
      }),
      { numRuns: 12 },
    )
  })
})
