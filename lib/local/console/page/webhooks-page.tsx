/// <reference lib="dom" />
/** Webhooks: the endpoints, and the deliveries with their attempts. The filter is in the URL. */
import { useState } from 'preact/hooks'
import { api, instantText, useLive } from './client.ts'
import { durationText } from './dom.ts'
import { Age, Failure, openDialog, Status, showMessage } from './parts.tsx'

interface Endpoint {
  readonly id: string
  readonly url: string
  readonly events: readonly string[] | null
  readonly gone_at: string | null
}

interface Delivery {
  readonly id: string
  readonly task_id: string
  readonly event: string
  readonly url: string
  readonly endpoint: string | null
  readonly status: 'PENDING' | 'DELIVERED' | 'FAILED'
  readonly attempts: number
  readonly next_at: string | null
  readonly created_at: string
  readonly log: readonly {
    readonly at: string
    readonly seconds: number
    readonly status: number | null
    readonly error: string | null
  }[]
}

const STATES = [
  { status: '', label: 'all' },
  { status: 'PENDING', label: 'pending' },
  { status: 'DELIVERED', label: 'delivered' },
  { status: 'FAILED', label: 'failed' },
]
const EVENTS = ['started', 'progress', 'completed', 'failed', 'cancelled', 'expired']
const FIELDS = ['status', 'event', 'endpoint', 'task_id'] as const
type Filter = { readonly [Field in (typeof FIELDS)[number]]: string }
const PAGE = 50
/** The API's largest page. */
const MAX_PAGE = 100

function readAddress(): Filter {
  const query = new URL(location.href).searchParams
  return Object.fromEntries(FIELDS.map((field) => [field, query.get(field) ?? ''])) as unknown as Filter
}

function writeAddress(filter: Filter): void {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''))
  history.replaceState(null, '', String(query) ? `?${query}` : location.pathname)
}

async function listDeliveries(filter: Filter, wanted: number) {
  const found: Delivery[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(Math.min(MAX_PAGE, wanted - found.length)) })
    for (const [name, value] of Object.entries({ ...filter, cursor: cursor ?? '' }))
      if (value) query.set(name, value)
    const page: { readonly deliveries: readonly Delivery[]; readonly next_cursor: string | null } = await api(
      `/webhooks/deliveries?${query}`,
    )
    found.push(...page.deliveries)
    cursor = page.next_cursor
  } while (cursor !== null && found.length < wanted)
  return { deliveries: found, hasMore: cursor !== null }
}

export function WebhooksPage() {
  const [filter, setFilter] = useState(readAddress)
  const [wanted, setWanted] = useState(PAGE)
  const change = (part: Partial<Filter>) => {
    const next = { ...filter, ...part }
    setFilter(next)
    setWanted(PAGE)
    writeAddress(next)
  }
  const { data: known } = useLive(() => api<{ webhooks: readonly Endpoint[] }>('/webhooks'), 10_000)
  const { data, error, again } = useLive(
    () => listDeliveries(filter, wanted),
    2_000,
    JSON.stringify([filter, wanted]),
  )
  const endpoints = known?.webhooks ?? []
  const deliveries = data?.deliveries ?? []
  return (
    <>
      <h1>Webhooks</h1>
      <Endpoints endpoints={endpoints} isKnown={known !== undefined} />
      <h2>Deliveries</h2>
      <div class="filters">
        <input
          type="search"
          aria-label="Task"
          placeholder="Id of a task"
          value={filter.task_id}
          onInput={(event) => change({ task_id: event.currentTarget.value.trim() })}
        />
        <select
          aria-label="Event"
          value={filter.event}
          onChange={(event) => change({ event: event.currentTarget.value })}
        >
          <option value="">all events</option>
          {EVENTS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <select
          aria-label="Endpoint"
          value={filter.endpoint}
          onChange={(event) => change({ endpoint: event.currentTarget.value })}
        >
          <option value="">all receivers</option>
          {endpoints.map(({ id, url }) => (
            <option key={id} value={id}>
              {url}
            </option>
          ))}
        </select>
      </div>
      <fieldset class="chips" aria-label="State">
        {STATES.map(({ status, label }) => (
          <button
            type="button"
            key={label}
            aria-pressed={filter.status === status}
            onClick={() => change({ status })}
          >
            {label}
          </button>
        ))}
        {(filter.status === 'FAILED' || filter.status === '') && (
          <button type="button" class="primary" onClick={() => void resendAll(filter).then(again)}>
            Resend failed deliveries …
          </button>
        )}
      </fieldset>
      <Failure error={error} />
      {data && deliveries.length === 0 && (
        <p class="empty">{EMPTY_TEXTS[filter.status] ?? EMPTY_TEXTS['']}</p>
      )}
      {deliveries.length > 0 && <DeliveryTable deliveries={deliveries} again={again} />}
      {data?.hasMore && (
        <button type="button" onClick={() => setWanted(wanted + PAGE)}>
          Show older ones
        </button>
      )}
    </>
  )
}

const EMPTY_TEXTS: Readonly<Record<string, string>> = {
  '': 'No delivery matches. Deliveries are kept for seven days.',
  PENDING: 'No delivery is pending.',
  DELIVERED: 'No matching delivery has arrived.',
  FAILED: 'No delivery has failed.',
}

const Endpoints = ({ endpoints, isKnown }: { endpoints: readonly Endpoint[]; isKnown: boolean }) => (
  <>
    {isKnown && endpoints.length === 0 && (
      <p class="empty">
        No endpoint receives the events of all tasks. Add one:{' '}
        <code>npx taskrunner webhooks add https://…</code>. A task can also have a webhook of its own.
      </p>
    )}
    {endpoints.length > 0 && (
      <ul class="plain">
        {endpoints.map(({ id, url, events, gone_at }) => (
          <li key={id}>
            <code>{url}</code>{' '}
            <span class="muted">receives {events?.join(', ') ?? 'the final event of every task'}</span>
            {gone_at && <span class="badge">gone since {instantText(gone_at)}: it answered 410</span>}
          </li>
        ))}
      </ul>
    )}
  </>
)

const DeliveryTable = ({ deliveries, again }: { deliveries: readonly Delivery[]; again: () => void }) => (
  <div class="scroll">
    <table class="list">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Event</th>
          <th scope="col">Task</th>
          <th scope="col">To</th>
          <th scope="col">Attempts</th>
          <th scope="col">Created</th>
          <th scope="col">
            <span class="muted">Resend</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((one) => (
          <tr key={one.id} data-delivery={one.id}>
            <td>
              <Status status={one.status} />
              {one.next_at && one.status === 'PENDING' && (
                <span class="why">{nextTry(Date.parse(one.next_at))}</span>
              )}
            </td>
            <td>{one.event}</td>
            <td>
              <a href={`/console/tasks/${one.task_id}`}>{one.task_id}</a>
            </td>
            <td class="about">{one.url}</td>
            <td>
              <Tries delivery={one} />
            </td>
            <td>
              <Age time={one.created_at} />
            </td>
            <td>
              <button
                type="button"
                disabled={one.status === 'PENDING'}
                aria-label={`Resend ${one.id}`}
                onClick={() => void resend(one).then(again)}
              >
                Resend
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)

const nextTry = (at: number): string =>
  at > Date.now() ? `next try in ${durationText(at - Date.now())}` : 'is being sent'

const Tries = ({ delivery: { attempts, log } }: { delivery: Delivery }) => {
  const last = log.at(-1)
  if (!last) return <>{attempts}</>
  return (
    <details>
      <summary>
        {attempts} <span class="muted">{answerOf(last)}</span>
      </summary>
      <ol class="times">
        {log.map((entry) => (
          <li key={entry.at}>
            <time dateTime={entry.at}>{instantText(entry.at)}</time> {answerOf(entry)}{' '}
            <span class="muted">{entry.seconds} s</span>
          </li>
        ))}
      </ol>
    </details>
  )
}

const answerOf = ({ status, error }: Delivery['log'][number]): string =>
  [status, error].filter((part) => part !== null).join(' ')

async function resend({ id }: Delivery): Promise<void> {
  await api(`/webhooks/deliveries/${id}/resend`, {}).then(
    () => showMessage('It is sent again with the same webhook-id.'),
    (cause: Error) => showMessage(cause.message, true),
  )
}

async function resendAll({ status: _status, ...filter }: Filter): Promise<void> {
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''))
  const isSure = await openDialog({
    title: 'Resend failed deliveries?',
    body: (
      <p>
        The latest 100 that match{Object.keys(given).length > 0 && ` (${Object.values(given).join(', ')})`}{' '}
        are sent again, with retries for a day. Receivers recognize them by their webhook-id.
      </p>
    ),
    action: 'Resend all',
  })
  if (!isSure) return
  await api<{ resent: number }>('/webhooks/deliveries/resend', given).then(
    ({ resent }) => showMessage(`${resent} are sent again.`),
    (cause: Error) => showMessage(cause.message, true),
  )
}
