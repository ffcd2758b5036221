/** `{{name}}` in a text, filled from values. */
const PLACEHOLDER = /\{\{\s*([\w.-]{1,100})\s*\}\}/g

export type Values = Readonly<Record<string, string | number | boolean>>

/** @returns names of placeholders that no value fills. */
export const unfilled = (template: string, values: Values): readonly string[] =>
  [...template.matchAll(PLACEHOLDER)].flatMap(([, name = '']) => (Object.hasOwn(values, name) ? [] : [name]))

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Values go in once: what looks like a placeholder in a value stays what it is. */
export const fill = (template: string, values: Values, kind: 'text' | 'html' | 'line'): string =>
  template.replace(PLACEHOLDER, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole
    const value = String(values[name])
    if (kind === 'html') return value.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign)
    // A line end in a subject would begin a header of its own.
    return kind === 'line' ? value.replace(/[\r\n\u2028\u2029]+/g, ' ') : value
  })
