/// <reference lib="dom" />
/** Components of several pages. */
import { type ComponentChildren, render } from 'preact'
import { ageText, durationText } from './client.ts'

/** A symbol beside the colour, for people who cannot see colours. */
const MARKS: Readonly<Record<string, string>> = {
  PENDING: '○',
  SCHEDULED: '◷',
  PROCESSING: '◐',
  RUNNING: '◐',
  STARTING: '◐',
  WAITING: '○',
  SKIPPED: '–',
  RETRYING: '↻',
  COMPLETED: '✔',
  DELIVERED: '✔',
  FAILED: '✖',
  CANCELLED: '⊘',
  EXPIRED: '◌',
}

export const Status = ({ status, percent }: { status: string; percent?: number | undefined }) => (
  <span class="status" data-status={status}>
    <span aria-hidden="true">{MARKS[status] ?? '?'}</span> {status.toLowerCase()}
    {status === 'PROCESSING' && percent !== undefined && ` ${percent} %`}
  </span>
)

export const Age = ({ time }: { time: string }) => (
  <time dateTime={time} title={time}>
    {ageText(time)}
  </time>
)

export const durationOf = (task: { started_at: string | null; finished_at: string | null }): string => {
  if (!task.started_at) return '–'
  const end = task.finished_at ? Date.parse(task.finished_at) : Date.now()
  return durationText(end - Date.parse(task.started_at))
}

export const Failure = ({ error }: { error: Error | undefined }) =>
  error ? (
    <p class="failure" role="alert">
      {error.message}
    </p>
  ) : null

export interface Question {
  readonly title: string
  readonly body?: ComponentChildren
  /** Label of the button, such as "Redrive 24". */
  readonly action?: string
  readonly isDangerous?: boolean
}

/** A dialog. @returns whether its button was pressed. */
export function openDialog({ title, body, action, isDangerous }: Question): Promise<boolean> {
  const element = document.createElement('dialog')
  element.setAttribute('aria-label', title)
  document.body.append(element)
  render(
    <form method="dialog">
      <h2>{title}</h2>
      {body}
      <div class="row end">
        <button type="submit" value="no">
          {action ? 'Cancel' : 'Close'}
        </button>
        {action && (
          <button type="submit" value="yes" class={isDangerous ? 'danger' : 'primary'}>
            {action}
          </button>
        )}
      </div>
    </form>,
    element,
  )
  element.showModal()
  return new Promise((resolve) =>
    element.addEventListener('close', () => {
      resolve(element.returnValue === 'yes')
      render(null, element)
      element.remove()
    }),
  )
}

/** Shows a message for some seconds. */
export function showMessage(text: string, isBad = false): void {
  const element = document.createElement('p')
  element.className = `toast${isBad ? ' bad' : ''}`
  element.setAttribute('role', 'status')
  element.textContent = text
  document.body.append(element)
  setTimeout(() => element.remove(), isBad ? 10_000 : 4_000)
}

export const Copy = ({ label, text }: { label: string; text: string }) => (
  <button
    type="button"
    onClick={() =>
      navigator.clipboard.writeText(text).then(
        () => showMessage('Copied.'),
        () => openDialog({ title: label, body: <pre>{text}</pre> }),
      )
    }
  >
    {label}
  </button>
)

/** A value as a tree, collapsed from its second level on. */
export const Json = ({ value, depth = 0 }: { value: unknown; depth?: number }) => {
  if (value === null || typeof value !== 'object')
    return <code class={`json ${typeof value}`}>{JSON.stringify(value)}</code>
  const entries = Object.entries(value)
  if (entries.length === 0) return <code class="json">{Array.isArray(value) ? '[]' : '{}'}</code>
  return (
    <details class="json" open={depth < 2 && entries.length <= 50}>
      <summary>
        {Array.isArray(value)
          ? `${entries.length} ${entries.length === 1 ? 'item' : 'items'}`
          : `{ ${entries
              .map(([key]) => key)
              .join(', ')
              .slice(0, 80)} }`}
      </summary>
      <dl>
        {entries.slice(0, 500).map(([key, item]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>
              <Json value={item} depth={depth + 1} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
