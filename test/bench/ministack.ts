/**
 * `npm run bench:ministack -- --leaves 1000 --schedules 1000`: a chord of many leaves, and schedules of one second, with the
 * real template in MiniStack, an emulator by other authors. It is slow; the result is that each task ran once.
 */
import { parseArgs } from 'node:util'
import { findDeployed } from '../e2e/backdoor.ts'
import { startMinistack } from '../e2e/emulators/ministack.ts'
import { deployEmulated } from '../e2e/emulators/run-emulator.ts'
import { Client, type TaskView } from '../fixtures/client.ts'

const { values } = parseArgs({
  options: { leaves: { type: 'string', default: '1000' }, schedules: { type: 'string', default: '1000' } },
})
const [leaves, schedules] = [Number(values.leaves), Number(values.schedules)]
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const emulator = await startMinistack()
try {
  await deployEmulated(emulator.endpoint)
  const deployed = await findDeployed({ stage: 'emulated', endpoint: emulator.endpoint })
  const client = new Client(deployed.url, deployed.key)
  const add = (x: number) => ({ type: 'example.add', input: { x, y: 1 } })
  if (leaves > 0) {
    const from = Date.now()
    const { status, body } = await client.post<{ id: string }>('/workflows', {
      chord: {
        group: Array.from({ length: leaves }, (_, index) => add(index)),
        then: { type: 'example.add', input: { x: { $from: `previous.results.${leaves - 1}` }, y: 1 } },
      },
    })
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
    for (;;) {
      await sleep(3_000)
      const { body: shown } = await client.get<{ status: string; tasks: number; steps: object }>(
        `/workflows/${body.id}`,
      )
      if (shown.status === 'RUNNING') continue
      console.info(
        `chord of ${leaves}: ${shown.status}, ${shown.tasks} tasks, ${Math.round((Date.now() - from) / 1_000)} s`,
      )
      console.info(`  ${JSON.stringify(shown.steps)}`)
      break
    }
  }
  if (schedules > 0) {
    const from = Date.now()
    const tag = `together-${from}`
    const at = new Date(Math.ceil((from + 30_000 + schedules * 100) / 1_000) * 1_000)
    const task = { ...add(1), tags: [tag] }
    for (let made = 0; made < schedules; made += 10)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const { status, body } = await client.post('/schedules', { at: at.toISOString(), task })
          if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
        }),
      )
    console.info(`${schedules} schedules for ${at.toISOString()}, made in ${Date.now() - from} ms`)
    const look = async () => {
      const found: TaskView[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        type Page = { tasks: TaskView[]; next_cursor: string | null }
        const path: string = `/tasks?tag=${tag}&limit=100${cursor ? `&cursor=${cursor}` : ''}`
        const { body }: { body: Page } = await client.get<Page>(path)
        found.push(...body.tasks)
        cursor = body.next_cursor
      }
      return found
    }
    let tasks: TaskView[] = []
    const isDone = ({ status }: TaskView) => status === 'COMPLETED'
    // Two sweeps at once, twice: each of them makes the same tasks.
    while (tasks.filter(isDone).length < schedules && Date.now() < at.getTime() + 600_000) {
      await Promise.all([deployed.backdoor.sweep(), deployed.backdoor.sweep()])
      await sleep(5_000)
      tasks = await look()
    }
    const early = tasks.filter(({ started_at }) => Date.parse(started_at ?? '') < at.getTime() - 50)
    const again = tasks.filter((one) => (one as unknown as { attempts: number }).attempts !== 1)
    console.info(`  tasks ${tasks.length}, completed ${tasks.filter(isDone).length}`)
    console.info(`  before their time ${early.length}, in more than one attempt ${again.length}`)
  }
} finally {
  await emulator.stop()
}
