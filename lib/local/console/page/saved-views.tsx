/// <reference lib="dom" />
/** Named filters, stored in this browser. The page's URL contains its filters too, and can be shared. */
import { useState } from 'preact/hooks'
import { browserStorage } from './storage.ts'

const STORAGE_KEY = 'taskrunner-views'

interface View {
  readonly name: string
  /** The address's query. */
  readonly query: string
}

function readStored(): readonly View[] {
  try {
    const read: unknown = JSON.parse(browserStorage.read(STORAGE_KEY) ?? '[]')
    return Array.isArray(read) ? read.filter((view) => typeof view?.name === 'string' && view.query) : []
  } catch {
    return []
  }
}

/** @param query of the current filters; empty without filters. */
export function SavedViews({ query }: { query: string }) {
  const [views, setViews] = useState(readStored)
  const [name, setName] = useState<string>()
  const keep = (next: readonly View[]) => {
    browserStorage.write(STORAGE_KEY, JSON.stringify(next))
    setViews(next)
  }
  const current = views.find((view) => view.query === query)
  const save = (event: Event) => {
    event.preventDefault()
    const wanted = name?.trim()
    if (!wanted) return
    keep([...views.filter((view) => view.name !== wanted), { name: wanted, query }])
    setName(undefined)
  }
  return (
    <>
      {views.map((view) => (
        <a key={view.name} href={`/console/tasks?${view.query}`} aria-current={view === current || undefined}>
          {view.name}
        </a>
      ))}
      {current && (
        <button type="button" class="plain" onClick={() => keep(views.filter((view) => view !== current))}>
          Delete view “{current.name}”
        </button>
      )}
      {query && !current && name === undefined && (
        <button type="button" class="plain" onClick={() => setName('')}>
          Save as view …
        </button>
      )}
      {name !== undefined && (
        <form class="save" onSubmit={save}>
          <input
            aria-label="Name of the view"
            placeholder="Name"
            maxLength={40}
            value={name}
            ref={(field) => field?.focus()}
            onInput={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => event.key === 'Escape' && setName(undefined)}
          />
          <button type="submit">Save</button>
        </form>
      )}
    </>
  )
}
