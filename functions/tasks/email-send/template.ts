/** `{{name}}` in a text, replaced by a value. */
const PLACEHOLDER = /\{\{\s*([\w.-]{1,100})\s*\}\}/g

export type Values = Readonly<Record<string, string | number | boolean>>

export const missingPlaceholders = (template: string, values: Values): readonly string[] =>
  [...template.matchAll(PLACEHOLDER)].flatMap(([, name = '']) => (Object.hasOwn(values, name) ? [] : [name]))

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Values are inserted once: a placeholder inside a value is not replaced. */
export const fill = (template: string, values: Values, kind: 'text' | 'html' | 'line'): string =>
  template.replace(PLACEHOLDER, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole
    const value = String(values[name])
    if (kind === 'html') return value.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign)
    // A line break in a subject would start another header.
    return kind === 'line' ? value.replace(/[\r\n\u2028\u2029]+/g, ' ') : value
  })
