import type { Heading } from './heavy.ts'

/** Headings of a Markdown text, with their offsets. */
export async function readMarkdown(text: string): Promise<readonly Heading[]> {
  const { lexer } = await import('marked')
  const headings: Heading[] = []
  let from = 0
  for (const token of lexer(text)) {
    // The lexer changes some white space, so each token is searched from the end of the previous one.
    const at = text.indexOf(token.raw.trim(), from)
    if (at < 0) continue
    if (token.type === 'heading')
      headings.push({ title: token.text.slice(0, 300), level: token.depth, start: at })
    from = at + token.raw.trim().length
  }
  return headings
}
