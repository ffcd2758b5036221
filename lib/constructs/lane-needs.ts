import manifest from '../../functions/tasks/manifest.gen.json' with { type: 'json' }
import type { StageSettings } from '../stages/stage-schema.ts'

type LaneName = keyof StageSettings['lanes']

/** In the urgent lane, tasks of every type run. */
const typesOf = (lane: LaneName) => manifest.filter((type) => lane === 'urgent' || type.lane === lane)

/** Whether a type that may run in the lane needs this capability. */
export const laneNeeds = (lane: LaneName, need: string): boolean =>
  typesOf(lane).some(({ needs }) => (needs as readonly string[]).includes(need))

/** @throws Error that names lane and type when a type needs the model in a lane without models. */
export function checkLane(stage: StageSettings, lane: LaneName): void {
  if (stage.lanes[lane].hasModels) return
  const type = typesOf(lane).find(({ needs }) => (needs as readonly string[]).includes('model'))
  if (type)
    throw new Error(
      `Task type "${type.name}" needs the model, and lane "${lane}" of stage "${stage.name}" has none. Set hasModels in lib/stages, or give the type another lane.`,
    )
}
