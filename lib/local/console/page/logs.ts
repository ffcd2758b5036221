/// <reference lib="dom" />
import type { LogEntry } from '../../cloudwatch/log-store.ts'
import { functionLabel, make, repeat, timeText } from './dom.ts'
import { load } from './load.ts'

interface Data {
  readonly names: readonly string[]
  readonly lines: readonly LogEntry[]
}

const SHOWN = 1_000

/** The functions' lines, newest last: searched by the server, and updated while the box is ticked. */
export function showLogs(main: HTMLElement): void {
  const asked = new URL(location.href).searchParams
  const text = make('input', {
    type: 'search',
    placeholder: 'Task id, event, error code …',
    'aria-label': 'Search',
    value: asked.get('text') ?? '',
  })
  const from = make('select', { 'aria-label': 'Function' }, make('option', { value: '' }, 'all functions'))
  const follow = make('input', { type: 'checkbox', id: 'follow', checked: true })
  const errors = make('input', { type: 'checkbox', id: 'errors', checked: asked.has('errors') })
  const none = make('p', { class: 'none', hidden: true }, 'Nothing found. A line must contain all words.')
  const list = make('ol', { class: 'log', tabindex: 0, 'aria-label': 'Log lines' })
  main.append(
    make('h1', {}, 'Logs'),
    make(
      'div',
      { class: 'row' },
      text,
      from,
      make('label', { for: 'errors' }, errors, ' errors only'),
      make('label', { for: 'follow' }, follow, ' follow'),
    ),
    none,
    list,
  )
  let after = 0
  let wanted = ''
  const refresh = repeat(1_000, async () => {
    const query = new URLSearchParams({ text: text.value, from: from.value || (asked.get('from') ?? '') })
    if (errors.checked) query.set('errors', '')
    if (String(query) !== wanted) {
      wanted = String(query)
      after = 0
      list.replaceChildren()
    } else if (!follow.checked) return
    const { names, lines } = await load<Data>(`logs?${query}&after=${after}`)
    // The user has changed the search meanwhile.
    if (String(query) !== wanted) return
    if (from.options.length === 1) {
      from.append(...names.map((name) => make('option', { value: name }, functionLabel(name))))
      from.value = asked.get('from') ?? ''
      asked.delete('from')
    }
    after = lines.at(-1)?.sequence ?? after
    list.append(...lines.map(toLine))
    none.hidden = list.childElementCount > 0
    while (list.childElementCount > SHOWN) list.firstElementChild?.remove()
    if (lines.length > 0 && follow.checked) list.scrollTop = list.scrollHeight
  })
  const search = () => {
    asked.delete('from')
    history.replaceState(null, '', `?${new URLSearchParams({ text: text.value, from: from.value })}`)
    void refresh()
  }
  text.addEventListener('input', search)
  from.addEventListener('change', search)
  errors.addEventListener('change', search)
}

function toLine({ at, from, json, text, summary, isError }: LogEntry): HTMLElement {
  const [event = '', facts = ''] = json ? summary.split(/ (.*)/s) : ['', summary]
  return make(
    'li',
    { class: isError && 'error' },
    make(
      'details',
      {},
      make(
        'summary',
        {},
        make('time', {}, timeText(at)),
        make('span', { class: 'from' }, functionLabel(from)),
        make('b', {}, event),
        make('span', { class: 'facts' }, facts),
      ),
      make('pre', {}, json ? JSON.stringify(json, null, 2) : text),
    ),
  )
}
