/// <reference lib="dom" />
/** The start page: current alarms, numbers of the last 24 hours, and the latest tasks. */
import type { AlarmStatus } from '../../cloudwatch/alarm-watch.ts'
import { api, costText, useData, useLive } from './client.ts'
import { numberText } from './dom.ts'
import { TaskList } from './task-list.tsx'

interface Stats {
  readonly counts: Readonly<Record<string, number>>
  readonly success_rate: number | null
}
interface Usage {
  readonly cost_usd: number | null
}

export function HomePage() {
  const { data } = useLive(
    async () => ({
      stats: await api<Stats>('/stats?hours=24'),
      usage: await api<Usage>('/usage?hours=24'),
    }),
    5_000,
  )
  const counts = data?.stats.counts ?? {}
  const of = (...names: readonly string[]) => names.reduce((sum, name) => sum + (counts[name] ?? 0), 0)
  const ended = of('COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED')
  const link = (status: string) => `/console/tasks?status=${status}&minutes=1440`
  return (
    <>
      <AlarmLine />
      <div class="tiles">
        {/* A task that ran again counts once for each of its ends, so that the list may have fewer. */}
        <Tile label="runs in 24 h" value={ended} href={link('COMPLETED,FAILED,CANCELLED,EXPIRED')} />
        <Tile label="failed runs" value={of('FAILED')} href={link('FAILED')} isBad={of('FAILED') > 0} />
        <Tile label="running" value={of('PROCESSING')} href={link('PROCESSING')} />
        <Tile
          label="waiting"
          value={of('PENDING', 'RETRYING', 'SCHEDULED')}
          href={link('PENDING,RETRYING,SCHEDULED')}
        />
        <Tile label="cost in 24 h" value={costText(data?.usage.cost_usd ?? (data ? null : 0))} />
        <a class="button primary" href="/console/submit">
          Submit a task
        </a>
      </div>
      <TaskList isShort />
    </>
  )
}

const Tile = ({
  label,
  value,
  href,
  isBad = false,
}: {
  label: string
  value: number | string
  href?: string
  isBad?: boolean
}) => {
  const content = (
    <>
      <b>{typeof value === 'number' ? value.toLocaleString('en') : value}</b>
      <span>{label}</span>
    </>
  )
  return href ? (
    <a class={`tile${isBad ? ' bad' : ''}`} href={href}>
      {content}
    </a>
  ) : (
    <div class="tile">{content}</div>
  )
}

/** The current alarms in one line that can be expanded. */
function AlarmLine() {
  const { data } = useData<{ alarms: readonly AlarmStatus[] }>('alarms', 5_000)
  const bad = (data?.alarms ?? []).filter(({ state, tells }) => state === 'ALARM' && tells.length > 0)
  const [first] = bad
  if (!first) return null
  return (
    <details class="alarm-line">
      <summary>
        <span aria-hidden="true">✖</span> {inWords(first)}
        {bad.length > 1 && <b> and {bad.length - 1} more</b>}
      </summary>
      <ul>
        {bad.map((alarm) => (
          <li key={alarm.name}>
            {inWords(alarm)} <a href={`/console/alarms#${alarm.name}`}>details</a>
            {runbookOf(alarm) && (
              <>
                {' '}
                · <a href={runbookOf(alarm) ?? ''}>what to do</a>
              </>
            )}
          </li>
        ))}
      </ul>
    </details>
  )
}

const inWords = ({ description, value, threshold, name }: AlarmStatus): string => {
  const [text = ''] = description.split(' Runbook: ')
  const said = text.replace(/\.$/, '') || name
  return value === undefined || value === null
    ? said
    : `${said}: ${numberText(value)}, alarm from ${numberText(threshold)}`
}

const runbookOf = ({ description }: AlarmStatus): string | undefined =>
  / Runbook: (\S+)$/.exec(description)?.[1]
