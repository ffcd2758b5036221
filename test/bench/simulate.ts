/**
 * `npm run simulate`: what no emulator can show. The product's own code runs with in-memory services and a simulated clock,
 * plus one rule of AWS: SQS's `maxReceiveCount` in an outage, many tasks due in one second, Lambda's detection of recursive
 * loops.
 */
import { deployedLanes } from '../../lib/stages/deployed-defaults.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { simulateChain } from '../faults/kit/chain.ts'
import { simulateBurst } from '../faults/kit/due-burst.ts'
import { simulateOutage } from '../faults/kit/outage.ts'

const number = (value: number) => value.toLocaleString('en')
const seconds = (value: number) => `${value.toFixed(1)} s`

console.log(
  'An outage of a provider, 60 tasks wait. A message that comes back more often than this is given up by SQS:\n',
)
console.log('minutes  receives allowed  given up  most receives of a message  open at the end')
const set = deployedLanes.ai.maxReceiveCount
for (const minutes of [13, 30, 60])
  for (const maxReceiveCount of [4, 10, set]) {
    const { moved, maxReceives, open } = await simulateOutage({ minutes, maxReceiveCount, tasks: 60 })
    const row = [minutes, maxReceiveCount, moved, maxReceives, open]
    const isSet = maxReceiveCount === set ? '   as deployed' : ''
    console.log(
      row.map((value, index) => String(value).padStart([7, 17, 9, 27, 16][index] ?? 0)).join(' ') + isSet,
    )
  }

console.log(
  '\n100,000 parked tasks due in one second, the round that finds them as late as a round can be:\n',
)
for (const name of ['prod', 'dev'] as const) {
  const stage = loadStage(name)
  const seen = await simulateBurst(stage, 100_000)
  console.log(
    `${name.padEnd(5)} ${number(seen.sent)} sent by ${seen.sweepers} of ${stage.sweeper.parts} sweepers (${stage.sweeper.memoryMb} MB), at most ${number(seen.maxOfOneSweeper)} by one; after their time p50 ${seconds(seen.lateP50)}, p99 ${seconds(seen.lateP99)}, last ${seconds(seen.lateMost)}`,
  )
}

console.log('\nA workflow of 40 steps, one after the other, where Lambda follows the messages:\n')
for (const mayFollowItself of [false, true]) {
  const { stepsDone, status } = await simulateChain(40, mayFollowItself)
  console.log(
    `RecursiveLoop ${mayFollowItself ? 'Allow, as deployed' : 'Terminate, the default'}: ${stepsDone} steps done, ${status}`,
  )
}
