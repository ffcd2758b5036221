/// <reference lib="dom" />
/** Markdown that models write: headings, lists, tables, code, emphasis. Plain text has none of it. */
const MARKS = /^(?:#{1,6} |[-*+] |\d+[.)] |> |```|\|.+\|)|\*\*\S|`[^`\n]+`|\]\(https?:/m

export const looksLikeMarkdown = (text: string): boolean => MARKS.test(text)

/**
 * Converts Markdown to safe HTML. A model's text is not trusted: no scripts, forms, frames, or images, which would tell
 * another server who reads it. The two libraries are loaded with the first text that needs them.
 */
export async function toHtml(text: string): Promise<string> {
  const [{ Marked }, { default: purify }] = await Promise.all([import('marked'), import('dompurify')])
  const html = new Marked({ gfm: true, breaks: true }).parse(text, { async: false })
  return purify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['form', 'input', 'button', 'img', 'picture', 'audio', 'video', 'source', 'style'],
    FORBID_ATTR: ['style', 'id', 'class'],
  })
}
