/**
 * An outage as an operator sees it, with screenshots: `npm run drill -- --minutes 5 --status 401`. Tasks are submitted at a
 * steady rate while the provider answers with an error. The console's overview, alarms, runbook and buttons are used to find
 * and repair it. Prints when each alarm started and ended. Exit code 1 when no alarm started, when one stays on (except those
 * of the error budget, which cover half an hour), or when a task has not completed.
 */
import { parseArgs } from 'node:util'
import { openBrowser, openPage, takePicture } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, status: { type: 'string', default: '401' } },
})
const STATUS = Number(values.status)
const MINUTE = 60_000
/** Alarms over windows of up to six hours, and composite alarms of them. */
const LOOKS_BACK = /SuccessBudget|Burn|Unhealthy/
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Seen {
  readonly alarms: readonly {
    readonly name: string
    readonly state: string
    readonly tells: readonly string[]
  }[]
  readonly changes: readonly { readonly name: string; readonly to: string; readonly at: number }[]
}

const server = await startModelServer()
const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
const startedAt = Date.now()
const say = (text: string) =>
  console.log(`${String(Math.round((Date.now() - startedAt) / 1_000)).padStart(5)} s  ${text}`)
const runtime = await startTestRuntime(env, { tell: say })
const client = new Client(runtime.url)
const console_ = `${runtime.url}/console`
const browser = await openBrowser()
const { page, faults } = await openPage(browser, runtime.url, { viewport: { width: 1_400, height: 1_000 } })
const section = (title: string) => page.locator('section', { has: page.locator('h2', { hasText: title }) })
const seen = async () => (await (await fetch(`${console_}/data/alarms`)).json()) as Seen
const on = async () => (await seen()).alarms.filter(({ state }) => state === 'ALARM').map(({ name }) => name)
const picture = async (name: string) => say(`picture ${await takePicture(page, `drill-${STATUS}-${name}`)}`)

const ids: string[] = []
let isSending = true
const sending = (async () => {
  while (isSending) {
    ids.push((await client.submit({ prompt: `drill ${ids.length}`, model: 'stub-200' })).id)
    await sleep(1_000)
  }
})()
let isGood = false
try {
  say('a healthy minute')
  await page.goto(`${console_}/dashboard?minutes=15`)
  await sleep(MINUTE)
  say(`the provider answers ${STATUS} from here on`)
  server.trouble = STATUS
  await sleep(Number(values.minutes) * MINUTE)
  await page.goto(`${console_}/dashboard?minutes=15`)
  await section('Tasks and queues, live').getByText('Running, and waiting').waitFor()
  await sleep(2_000)
  await picture('1-overview')
  const during = await on()
  say(`alarms: ${during.join(', ') || 'none'}`)
  const told = page.locator('[data-part=alarms] tr', { hasText: 'ALARM' })
  await page.goto(`${console_}/alarms`)
  await told.first().waitFor()
  await picture('2-alarms')
  await told.getByText('Runbook').first().click()
  await page.locator('article h2').first().waitFor()
  await picture('3-runbook')

  say('mended')
  server.trouble = undefined
  isSending = false
  await sending
  await page.goto(`${console_}/dashboard?minutes=15`)
  const lane = section('Tasks and queues, live').locator('tr', {
    has: page.locator('b', { hasText: /^ai$/ }),
  })
  const press = async (name: string) => {
    await lane.getByRole('button', { name }).click()
    await page.locator('dialog').last().locator('button[value=yes]').click()
    await page.getByRole('button', { name: 'Close' }).waitFor()
    say(`${name}: ${await page.locator('dialog').last().locator('form > *').first().textContent()}`)
  }
  await press('Count failed')
  await picture('4-dry-run')
  await page.getByRole('button', { name: 'Close' }).click()
  await press('Redrive')
  await page.getByRole('button', { name: 'Close' }).click()
  let done = 0
  for (const id of ids) if ((await client.done(id, 15 * MINUTE)).status === 'COMPLETED') done += 1
  say(`${done} of ${ids.length} tasks are COMPLETED`)
  const patience = Date.now() + 10 * MINUTE
  const short = async () => (await on()).filter((name) => !LOOKS_BACK.test(name))
  while ((await short()).length > 0 && Date.now() < patience) await sleep(5_000)
  const left = await short()
  say(
    left.length === 0
      ? 'no alarm is on that looks back less than half an hour'
      : `still on: ${left.join(', ')}`,
  )
  await page.goto(`${console_}/dashboard?minutes=60`)
  await sleep(2_000)
  await picture('5-after')
  await page.goto(`${console_}/alarms`)
  await sleep(2_000)
  await picture('6-changes')
  console.log('\nalarm                                       on after   off after, s')
  const { changes } = await seen()
  for (const name of during) {
    const at = (to: string) => changes.find((change) => change.name === name && change.to === to)?.at
    const after = (when: number | undefined) =>
      when === undefined ? '–' : String(Math.round((when - startedAt) / 1_000))
    console.log(`${name.padEnd(42)} ${after(at('ALARM')).padStart(9)} ${after(at('OK')).padStart(11)}`)
  }
  isGood = during.length > 0 && left.length === 0 && done === ids.length && faults.length === 0
  if (faults.length > 0) console.log(faults)
} finally {
  isSending = false
  await browser.close()
  await runtime.stop()
  await server.stop()
}
process.exit(isGood ? 0 : 1)
