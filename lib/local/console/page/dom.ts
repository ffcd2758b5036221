/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

type Child = Node | string | number | null | undefined | false

/** Creates an element with attributes and children; text is not parsed as HTML. Attributes that are false or undefined are left out. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : String(value))
  element.append(
    ...children
      .filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (child instanceof Node ? child : String(child))),
  )
  return element
}

export const table = (heads: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement =>
  make(
    'div',
    { class: 'scroll' },
    make(
      'table',
      {},
      make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
      make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map((cell) => make('td', {}, cell))))),
    ),
  )

/** Runs now and at intervals while the page is visible. One call at a time. */
export function repeat(everyMs: number, act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  const once = () => {
    running ??= act()
      .then(() => fail(undefined), fail)
      .finally(() => {
        running = undefined
      })
    return running
  }
  setInterval(() => document.visibilityState === 'visible' && void once(), everyMs)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void once())
  void once()
  return once
}

function fail(cause: unknown): void {
  document.body.toggleAttribute('data-lost', cause !== undefined)
  if (cause !== undefined) console.warn(cause)
}

/** `laneaiWorker` is the worker of lane ai. */
export const functionLabel = (name: string): string => name.replace(/^lane(.+)Worker$/, 'worker of lane $1')

export const timeText = (at: number): string => new Date(at).toLocaleTimeString([], { hour12: false })

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3_600)} h`
}

export const numberText = (value: number | null | undefined): string => {
  if (value === null || value === undefined) return '–'
  if (value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(2)
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 })
}
