/// <reference lib="dom" />
/** The list of tasks, with filters, sorting, selection, and more rows on scrolling. Filters and order are in the URL. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskRow } from '../task-index.ts'
import { STATUSES, useData } from './client.ts'
import { Failure, Status } from './parts.tsx'
import { SavedViews } from './saved-views.tsx'
import { type ActionOnMany, actOnMany, idsOf } from './task-actions.tsx'
import { useColumns } from './task-columns.tsx'

interface FoundTasks {
  readonly rows: readonly TaskRow[]
  readonly total: number
  readonly counts: Readonly<Record<string, number>>
  readonly known: number
  readonly kept: number
}

interface Facets {
  readonly types: readonly string[]
  readonly models: readonly string[]
  readonly tags: readonly string[]
  readonly lanes: Readonly<Record<string, unknown>>
}

const PAGE = 50
const SPANS = [
  { label: 'any time', minutes: 0 },
  { label: 'last 15 min', minutes: 15 },
  { label: 'last hour', minutes: 60 },
  { label: 'last day', minutes: 1_440 },
]

const FIELDS = ['type', 'lane', 'model', 'tag', 'text', 'minutes', 'sort', 'order'] as const
type Field = (typeof FIELDS)[number]

function readAddress() {
  const query = new URL(location.href).searchParams
  const values = Object.fromEntries(FIELDS.map((field) => [field, query.get(field) ?? ''])) as Record<
    Field,
    string
  >
  return { ...values, status: (query.get('status') ?? '').split(',').filter(Boolean) }
}

/** The query of the list's URL, for a bookmark or a link. */
function addressOf(asked: ReturnType<typeof readAddress>): string {
  const query = new URLSearchParams()
  for (const field of FIELDS) if (asked[field]) query.set(field, asked[field])
  if (asked.status.length > 0) query.set('status', asked.status.join(','))
  return String(query)
}

export function TaskList({ isShort = false }: { isShort?: boolean }) {
  const [asked, setAsked] = useState(readAddress)
  const [limit, setLimit] = useState(isShort ? 15 : PAGE)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [since, setSince] = useState('')
  const columns = useColumns()
  const change = (part: Partial<typeof asked>) => {
    const next = { ...asked, ...part }
    setAsked(next)
    setChosen(new Set())
    if (!isShort) setLimit(PAGE)
    const address = addressOf(next)
    history.replaceState(null, '', address ? `?${address}` : location.pathname)
  }
  useEffect(() => {
    const minutes = Number(asked.minutes)
    setSince(minutes > 0 ? new Date(Date.now() - minutes * 60_000).toISOString() : '')
  }, [asked.minutes])

  const query = new URLSearchParams({ limit: String(limit) })
  for (const field of ['type', 'lane', 'model', 'tag', 'text', 'sort', 'order'] as const)
    if (asked[field]) query.set(field, asked[field])
  if (since) query.set('since', since)
  if (asked.status.length > 0) query.set('status', asked.status.join(','))
  const { data, error, again } = useData<FoundTasks>(`tasks?${query}`, 1_500)
  const { data: facets } = useData<Facets>('facets', 10_000)
  const rows = data?.rows ?? []
  const more = useRef<HTMLDivElement>(null)
  const hasMore = data !== undefined && data.total > rows.length
  useEffect(() => {
    if (isShort || !more.current) return
    const watch = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting && hasMore) setLimit((before) => before + PAGE)
    })
    watch.observe(more.current)
    return () => watch.disconnect()
  }, [hasMore, rows.length, isShort])

  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    setChosen(next)
  }
  const act = async (action: ActionOnMany) => {
    await actOnMany(action, [...chosen])
    setChosen(new Set())
    again()
  }
  const select = (field: Field, label: string, values: readonly string[]) => (
    <select
      aria-label={label}
      value={asked[field]}
      onChange={(event) => change({ [field]: event.currentTarget.value })}
    >
      <option value="">{label}</option>
      {values.map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
    </select>
  )
  const head = (field: string, label: string, className = '') => {
    const isSorted = (asked.sort || 'created') === field
    const isUp = isSorted && asked.order === 'asc'
    return (
      <th
        key={field}
        scope="col"
        class={className}
        aria-sort={isSorted ? (isUp ? 'ascending' : 'descending') : undefined}
      >
        <button
          type="button"
          class="plain"
          onClick={() => change({ sort: field, order: isSorted && !isUp ? 'asc' : '' })}
        >
          {label}
          {isSorted && <span aria-hidden="true">{isUp ? ' ↑' : ' ↓'}</span>}
        </button>
      </th>
    )
  }
  return (
    <section class="tasks" aria-label="Tasks">
      <div class="filters">
        <input
          type="search"
          aria-label="Search"
          placeholder="Search: words, id, error …"
          value={asked.text}
          onInput={(event) => change({ text: event.currentTarget.value })}
        />
        {select('type', 'all types', facets?.types ?? [])}
        {select('lane', 'all lanes', Object.keys(facets?.lanes ?? {}).sort())}
        {select('model', 'all models', facets?.models ?? [])}
        {(facets?.tags.length ?? 0) > 0 && select('tag', 'all tags', facets?.tags ?? [])}
        <select
          aria-label="Time"
          value={asked.minutes}
          onChange={(event) => change({ minutes: event.currentTarget.value })}
        >
          {SPANS.map(({ label, minutes }) => (
            <option key={label} value={minutes || ''}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <fieldset class="chips" aria-label="Status">
        {STATUSES.map((status) => {
          const isOn = asked.status.includes(status)
          return (
            <button
              type="button"
              key={status}
              aria-pressed={isOn}
              onClick={() =>
                change({
                  status: isOn ? asked.status.filter((other) => other !== status) : [...asked.status, status],
                })
              }
            >
              <Status status={status} /> {data?.counts[status] ?? 0}
            </button>
          )
        })}
        <SavedViews query={addressOf(asked)} />
        {columns.choice}
      </fieldset>
      <Failure error={error} />
      {chosen.size > 0 && (
        <div class="bulk" role="toolbar" aria-label="Selected tasks">
          <b>{chosen.size} selected</b>
          {data && chosen.size < data.total && (
            <button type="button" onClick={async () => setChosen(new Set(await idsOf(String(query))))}>
              Select all {data.total}
            </button>
          )}
          <button type="button" class="primary" onClick={() => void act('retry')}>
            Retry …
          </button>
          <button type="button" onClick={() => void act('redrive')}>
            Redrive failed …
          </button>
          <button type="button" onClick={() => void act('cancel')}>
            Cancel …
          </button>
          <button type="button" class="plain" onClick={() => setChosen(new Set())}>
            Clear selection
          </button>
        </div>
      )}
      {data && rows.length === 0 && (
        <p class="empty">
          {data.known === 0 ? (
            <>
              No task yet. <a href="/console/submit">Submit one</a>.
            </>
          ) : (
            'No task matches these filters.'
          )}
        </p>
      )}
      {rows.length > 0 && (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th scope="col" class="choose">
                  <input
                    type="checkbox"
                    aria-label="Select all shown"
                    checked={rows.every(({ id }) => chosen.has(id))}
                    onChange={(event) =>
                      setChosen(new Set(event.currentTarget.checked ? rows.map(({ id }) => id) : []))
                    }
                  />
                </th>
                {head('status', 'Status')}
                <th scope="col">Task</th>
                {columns.shown.map(({ name, label, className, isSorted }) =>
                  isSorted ? (
                    head(name, label, className)
                  ) : (
                    <th key={name} scope="col" class={className}>
                      {label}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.id} class={chosen.has(row.id) ? 'chosen' : ''}>
                  <td class="choose">
                    <input
                      type="checkbox"
                      aria-label={`Select ${row.id}`}
                      checked={chosen.has(row.id)}
                      onChange={() => toggle(row.id)}
                    />
                  </td>
                  <td>
                    <Status status={row.status} percent={row.progress?.percent} />
                  </td>
                  <td class="about">
                    <a href={`/console/tasks/${row.id}`}>{row.prompt || row.id}</a>
                    {row.error && row.status !== 'COMPLETED' && (
                      <span class="why">
                        {row.error.code}
                        {row.error.message && `: ${row.error.message}`}
                      </span>
                    )}
                  </td>
                  {columns.shown.map(({ name, className, show }) => (
                    <td key={name} class={className}>
                      {show(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data && (
        <p class="count">
          {rows.length} of {data.total}
          {data.known >= data.kept &&
            ` (only the newest ${data.kept.toLocaleString('en')} tasks are searched)`}
          {isShort && hasMore && (
            <>
              {' '}
              · <a href={`/console/tasks${location.search}`}>All tasks</a>
            </>
          )}
        </p>
      )}
      <div ref={more} />
    </section>
  )
}
