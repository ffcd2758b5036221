/// <reference lib="dom" />
import type { Content, WidgetView } from '../../cloudwatch/dashboard-view.ts'
import { alarmingFirst, stateMark } from './alarms.ts'
import { Chart } from './chart.ts'
import { CustomWidget } from './custom-widget.ts'
import { make, numberText, repeat, table, timeText } from './dom.ts'
import { load } from './load.ts'

const ROW_PX = 46
/** Height of a graph's title and borders. */
const AROUND_PX = 52
/** CloudWatch's shortest interval: each refresh costs an invocation and some queries. */
const CUSTOM_EVERY_MS = 9_000
const RANGES = [
  { minutes: 15, label: '15 min' },
  { minutes: 60, label: '1 h' },
  { minutes: 180, label: '3 h' },
  { minutes: 1_440, label: '24 h' },
]

type Show = (content: Content) => void | Promise<void>

/** One of the template's dashboards, with live data. */
export function showDashboard(main: HTMLElement, index: number): void {
  let minutes = Number(new URL(location.href).searchParams.get('minutes')) || 60
  const grid = make('div', { class: 'grid' })
  const buttons = RANGES.map((range) => {
    const button = make(
      'button',
      { 'aria-pressed': range.minutes === minutes ? 'true' : 'false' },
      range.label,
    )
    button.addEventListener('click', () => {
      minutes = range.minutes
      history.replaceState(null, '', `?minutes=${minutes}`)
      buttons.forEach((other) => {
        other.setAttribute('aria-pressed', String(other === button))
      })
      void refresh()
    })
    return button
  })
  main.append(make('div', { class: 'row', role: 'group', 'aria-label': 'Time range' }, ...buttons), grid)
  let shown: Show[] = []
  let shape = ''
  const refresh = repeat(5_000, async () => {
    const widgets = await load<WidgetView[]>(`dashboard?index=${index}&minutes=${minutes}`)
    const now = JSON.stringify(widgets.map(({ title, content }) => [title, content.kind]))
    if (now !== shape) {
      shape = now
      grid.replaceChildren()
      shown = widgets.map((widget) => place(grid, widget))
    }
    await Promise.all(widgets.map(({ content }, at) => shown[at]?.(content)))
  })
}

/** @returns a function that draws new content into the widget. */
function place(grid: HTMLElement, { x, y, width, height, title, content }: WidgetView): Show {
  const body = make('div', { class: `body ${content.kind}` })
  const column = `${x + 1} / span ${width}`
  const row = `${y + 1} / span ${height}`
  grid.append(
    make(
      'section',
      {
        style: `--column: ${column}; --row: ${row}; --height: ${height * ROW_PX}px`,
        'aria-label': title || undefined,
      },
      title !== '' && make('h2', {}, title),
      body,
    ),
  )
  if (content.kind === 'graph') {
    const chart = new Chart(height * ROW_PX - AROUND_PX)
    body.append(chart.element)
    return (next) => {
      if (next.kind === 'graph') chart.show(next)
    }
  }
  if (content.kind === 'custom') {
    const widget = new CustomWidget(content.endpoint, content.params as Record<string, unknown>)
    body.append(widget.element)
    let lastAt = 0
    return async () => {
      if (Date.now() - lastAt < CUSTOM_EVERY_MS) return
      lastAt = Date.now()
      await widget.refresh()
    }
  }
  return (next) => body.replaceChildren(draw(next))
}

function draw(content: Content): Node {
  switch (content.kind) {
    case 'text': {
      const text = make('div')
      text.innerHTML = content.html
      return text
    }
    case 'alarms':
      return make(
        'ul',
        { class: 'pills' },
        ...alarmingFirst(content.alarms).map(({ name, label, state }) =>
          make(
            'li',
            { 'data-state': state },
            make(
              'a',
              { href: `/console/alarms#${name}`, title: `${name}: ${state}` },
              stateMark(state),
              label,
            ),
          ),
        ),
      )
    case 'numbers':
      return make(
        'dl',
        {},
        ...content.series.map(({ label, values }) =>
          make('div', {}, make('dt', {}, label), make('dd', {}, numberText(values.at(-1)))),
        ),
      )
    case 'table':
      return content.rows.length === 0
        ? make('p', { class: 'muted' }, 'No data in this time range.')
        : table(
            content.columns.map((column) => column.replace('message.', '')),
            content.rows.map((row) => row.map((cell, at) => toCell(content.columns[at] ?? '', cell))),
          )
    case 'problem':
      return make('p', { class: 'muted' }, content.text)
    default:
      return make('p', {}, '')
  }
}

/** A task's id links to its log lines. */
function toCell(column: string, cell: string): Node | string {
  if (column === '@timestamp') return timeText(Date.parse(cell))
  const isTask = /task/.test(column) && cell !== ''
  return isTask
    ? make('a', { href: `/console/logs?text=${encodeURIComponent(cell.toWellFormed())}` }, cell)
    : cell
}
