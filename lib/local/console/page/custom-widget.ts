/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import DOMPurify from 'dompurify'
import { make } from './dom.ts'
import { fetchWithKey } from './key.ts'

interface WidgetRequest {
  readonly parameters: Readonly<Record<string, unknown>>
  /** Fields of the widget's forms, by name. */
  readonly forms: Readonly<Record<string, string>>
}

/** The parts of a custom widget's HTML that CloudWatch allows: no script, no frame, no SVG `use`; but `cwdb-action`. */
const SANITIZER_OPTIONS = {
  ADD_TAGS: ['cwdb-action'],
  ADD_ATTR: ['action', 'endpoint', 'display', 'event', 'confirmation'],
  // Otherwise an ARN would be removed as a URL of an unknown scheme.
  ADD_URI_SAFE_ATTR: ['endpoint'],
  FORBID_TAGS: ['script', 'iframe', 'use', 'object', 'embed'],
}

/**
 * A custom widget with CloudWatch's behaviour: calls its function, shows the HTML, and gives the element before each
 * `cwdb-action` that action. Source:
 * docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html
 */
export class CustomWidget {
  readonly element = make('div', { class: 'custom' })
  readonly #endpoint: string
  /** The last shown view, so that a refresh shows it again. */
  #last: WidgetRequest

  constructor(endpoint: string, parameters: WidgetRequest['parameters']) {
    this.#endpoint = endpoint
    this.#last = { parameters, forms: {} }
    const recall = () => {
      this.#last = readHash() ?? { parameters, forms: {} }
    }
    recall()
    // The browser's back and forward buttons move between views, and links to a view can be shared.
    addEventListener('popstate', () => {
      recall()
      void this.#show(this.#last)
    })
  }

  async refresh(): Promise<void> {
    // Do not replace a field while the user types into it.
    if (this.element.contains(document.activeElement) && document.activeElement?.matches('input, select'))
      return
    await this.#show(this.#last)
  }

  async #show(asked: WidgetRequest): Promise<void> {
    const html = await call(this.#endpoint, asked)
    this.#last = asked
    this.#draw(html)
  }

  #draw(html: string): void {
    const focused = this.#indexOfFocus()
    this.element.innerHTML = DOMPurify.sanitize(html, SANITIZER_OPTIONS)
    for (const form of this.element.querySelectorAll('form'))
      form.addEventListener('submit', (event) => event.preventDefault())
    for (const action of this.element.querySelectorAll('cwdb-action')) this.#bind(action)
    if (focused >= 0)
      (this.element.querySelectorAll('[tabindex]')[focused] as HTMLElement | undefined)?.focus()
  }

  #indexOfFocus(): number {
    return [...this.element.querySelectorAll('[tabindex]')].indexOf(document.activeElement as Element)
  }

  #bind(action: Element): void {
    const target = action.previousElementSibling
    if (!(target instanceof HTMLElement) || action.getAttribute('action') !== 'call') return
    target.setAttribute('role', 'button')
    target.tabIndex = 0
    const start = () => {
      this.#do(action, target).catch((cause: Error) => popup(make('p', {}, cause.message)))
    }
    target.addEventListener('click', start)
    target.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      start()
    })
    // Enter in a field of a search form triggers the form's first action.
    const form = target.closest('form')
    if (form && form.querySelector('cwdb-action') === action)
      form.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && (event.target as Element).matches('input, select')) start()
      })
  }

  async #do(action: Element, target: HTMLElement): Promise<void> {
    const question = action.getAttribute('confirmation')
    if (question && !(await confirm(question, target.textContent?.trim() || 'Confirm'))) return
    target.setAttribute('aria-busy', 'true')
    const parameters = JSON.parse(action.textContent || '{}') as Record<string, unknown>
    const fields = [...this.element.querySelectorAll<HTMLInputElement | HTMLSelectElement>('[name]')]
    const forms = Object.fromEntries(fields.map(({ name, value }) => [name, value]))
    try {
      if (action.getAttribute('display') === 'widget') {
        history.pushState(null, '', `#show=${encodeURIComponent(JSON.stringify({ parameters, forms }))}`)
        return await this.#show({ parameters, forms })
      }
      const html = await call(action.getAttribute('endpoint') ?? '', { parameters, forms })
      const body = make('div')
      body.innerHTML = DOMPurify.sanitize(html, SANITIZER_OPTIONS)
      for (const inner of body.querySelectorAll('cwdb-action')) this.#bind(inner)
      await popup(body)
      await this.#show(this.#last)
    } finally {
      target.removeAttribute('aria-busy')
    }
  }
}

function readHash(): WidgetRequest | undefined {
  const [, text] = /^#show=(.+)$/.exec(location.hash) ?? []
  try {
    return text === undefined ? undefined : (JSON.parse(decodeURIComponent(text)) as WidgetRequest)
  } catch {
    return undefined
  }
}

async function call(endpoint: string, { parameters, forms }: WidgetRequest): Promise<string> {
  const event = { ...parameters, widgetContext: { forms: { all: forms } } }
  const response = await fetchWithKey('/console/call', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint, event }),
  })
  const { result, detail } = (await response.json()) as { result?: unknown; detail?: string }
  if (!response.ok) throw new Error(detail ?? `The console answered ${response.status}.`)
  return String(result)
}

const confirm = (question: string, action: string) =>
  dialog(make('p', {}, question), [
    make('button', { value: 'no' }, 'Cancel'),
    make('button', { value: 'yes', class: 'primary' }, action),
  ])

const popup = (content: HTMLElement) =>
  dialog(content, [make('button', { value: 'no', class: 'primary' }, 'Close')])

/** @returns whether the user confirmed. */
function dialog(content: HTMLElement, buttons: HTMLElement[]): Promise<boolean> {
  const form = make('form', { method: 'dialog' }, content, make('div', { class: 'row' }, ...buttons))
  const element = make('dialog', {}, form)
  document.body.append(element)
  element.showModal()
  return new Promise((resolve) =>
    element.addEventListener('close', () => {
      element.remove()
      resolve(element.returnValue === 'yes')
    }),
  )
}
