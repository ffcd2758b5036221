import { TABLE } from '../../../functions/contract.ts'
import { shardOf } from '../../../functions/core/adapters/dynamodb/row.ts'
import { sweep } from '../../../functions/core/application/repair/sweep.ts'
import type { DueIndex, DuePart } from '../../../functions/core/ports/due-index.ts'
import { sweepRate } from '../../../lib/costs/capacity.ts'
import type { StageSettings } from '../../../lib/stages/stage-schema.ts'
import { makeTask } from '../../fixtures/make-task.ts'
import { makeWorld } from '../../fixtures/world.ts'

/** The entries of an in-memory index, which has one shard, that a real table would have in the shards of this sweeper. */
const ofPart = (dueIndex: Pick<DueIndex, 'shards'>, { index, of }: DuePart): Pick<DueIndex, 'shards'> => ({
  shards: (kind, upTo) =>
    dueIndex.shards(kind, upTo).map((pages) =>
      (async function* () {
        for await (const page of pages)
          yield page.filter(({ id }) => shardOf(id, TABLE.dueShards) % of === index)
      })(),
    ),
})

export interface BurstSeen {
  readonly sent: number
  /** Number of sweepers with something to send, and the highest number of tasks of one sweeper. */
  readonly sweepers: number
  readonly maxOfOneSweeper: number
  /** Seconds after their time, when the sweep that finds them begins as late as it can. */
  readonly lateP50: number
  readonly lateP99: number
  readonly lateMost: number
}

/**
 * Many waiting tasks are due in one second. The product's own sweepers send them in parallel, with an in-memory index. The time
 * of each is the processor time per task that `npm run bench:sweep` measured, at the stage's memory.
 */
export async function simulateBurst(stage: StageSettings, tasks: number): Promise<BurstSeen> {
  const world = makeWorld()
  const { parts, everyMinutes } = stage.sweeper
  // The sweep before this one ended just too early to read them: it reads 75 s ahead.
  const earlySeconds = 75 - everyMinutes * 60
  const dueAt = world.clock.now() + earlySeconds * 1_000
  for (let n = 0; n < tasks; n += 1) {
    const ending = `${(n % 36).toString(36)}${(Math.floor(n / 36) % 36).toString(36)}`
    await world.store.create(
      makeTask(dueAt - 3_600_000, {
        id: `task${String(n).padStart(20, '0')}${ending}`,
        status: 'SCHEDULED',
        sends: 0,
        runAt: dueAt,
        claimableFrom: dueAt,
        dueKind: 'timed',
        dueAt,
      }),
    )
  }
  const sentBy: number[] = []
  for (let index = 0; index < parts; index += 1) {
    const part = { index, of: parts }
    const { sent } = await sweep(
      { ...world, dueIndex: ofPart(world.dueIndex, part) },
      Number.POSITIVE_INFINITY,
      part,
    )
    sentBy.push(sent)
  }
  const ofOne = sweepRate(stage) / parts
  const late = sentBy
    .flatMap((sent) => Array.from({ length: sent }, (_, n) => Math.max(0, (n + 1) / ofOne - earlySeconds)))
    .toSorted((left, right) => left - right)
  const at = (share: number) => late[Math.ceil(late.length * share) - 1] ?? 0
  return {
    sent: late.length,
    sweepers: sentBy.filter((sent) => sent > 0).length,
    maxOfOneSweeper: Math.max(...sentBy),
    lateP50: at(0.5),
    lateP99: at(0.99),
    lateMost: at(1),
  }
}
