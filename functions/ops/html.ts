/** HTML in which every inserted value is escaped. CloudWatch also strips scripts; this code does not rely on that. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

type Part = Html | string | number | null | undefined | false | readonly Html[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escapeText = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign)

/** Template literal: inserted values are text, except `Html` or a list of it. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const rendered = parts.map((part) => {
    if (part === null || part === undefined || part === false) return ''
    if (part instanceof Html) return part.text
    return Array.isArray(part) ? part.join('') : escapeText(String(part))
  })
  return new Html(String.raw({ raw: texts }, ...rendered))
}

export interface CallOptions {
  /** ARN of the function to call. */
  readonly endpoint: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Replaces the widget, or opens over it. */
  readonly display: 'widget' | 'popup'
  readonly confirmation?: string
}

/**
 * An action of a custom widget; CloudWatch attaches it to the preceding element.
 * Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html
 */
export const actionElement = ({ endpoint, parameters, display, confirmation }: CallOptions): Html => {
  const asked = confirmation ? html` confirmation="${confirmation}"` : html``
  return html`<cwdb-action action="call" endpoint="${endpoint}" display="${display}"${asked}>${JSON.stringify(parameters)}</cwdb-action>`
}

export const button = (label: string, options: CallOptions): Html =>
  html`<a class="btn">${label}</a>${actionElement(options)}`
