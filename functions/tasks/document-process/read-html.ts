import type { Heading } from './heavy.ts'

const HIDDEN = new Set([
  'script',
  'style',
  'template',
  'noscript',
  'head',
  'svg',
  'iframe',
  'object',
  'select',
])
const BLOCKS = new Set(
  'address article aside blockquote body dd div dl dt fieldset figcaption figure footer form header hr main nav ol p pre section table tr ul li br'.split(
    ' ',
  ),
)
/** Elements with an empty line around them, where a text may be split. */
const PARAGRAPHS = new Set('p blockquote pre table ul ol div section article'.split(' '))

/**
 * The visible text, by a streaming parser, so that deep nesting cannot overflow the stack. Loads nothing from outside.
 *
 * @param cellsAreWords joins the paragraphs of a cell, so that a row is a line: tables of word processors contain data, those
 * of web pages may contain the layout.
 */
export async function readHtml(
  html: string,
  { cellsAreWords = false } = {},
): Promise<{ text: string; headings: readonly Heading[] }> {
  const { Parser } = await import('htmlparser2')
  const pieces: string[] = []
  let length = 0
  let tail = '\n\n'
  let hidden = 0
  let verbatim = 0
  let cells = 0
  let isApart = false
  let heading: { level: number; start: number; title: string } | undefined
  const headings: Heading[] = []

  const add = (text: string) => {
    if (text === '') return
    pieces.push(text)
    length += text.length
    tail = (tail + text).slice(-2)
    if (heading) heading.title += text
  }
  const breakLines = (count: 1 | 2) => {
    const there = tail.endsWith('\n\n') ? 2 : tail.endsWith('\n') ? 1 : 0
    if (there < count) add('\n'.repeat(count - there))
  }
  const breakAt = (name: string) => {
    if (!BLOCKS.has(name)) return
    if (cells > 0) isApart = true
    else breakLines(PARAGRAPHS.has(name) ? 2 : 1)
  }
  const isCell = (name: string) => name === 'td' || name === 'th'
  const levelOf = (name: string) => Number(/^h([1-6])$/.exec(name)?.[1] ?? 0)

  const parser = new Parser({
    onopentagname: (name) => {
      if (HIDDEN.has(name)) hidden += 1
      if (hidden > 0) return
      breakAt(name)
      if (cellsAreWords && isCell(name)) {
        cells += 1
        isApart = false
      }
      if (name === 'pre') verbatim += 1
      if (levelOf(name)) {
        breakLines(2)
        heading = { level: levelOf(name), start: length, title: '' }
      }
    },
    ontext: (text) => {
      if (hidden > 0) return
      if (isApart && text.trim() !== '') {
        if (!/\s$/.test(tail)) add(' ')
        isApart = false
      }
      if (verbatim > 0) return add(text)
      const squeezed = text.replace(/\s+/g, ' ')
      add(tail.endsWith('\n') || tail.endsWith(' ') ? squeezed.trimStart() : squeezed)
    },
    onclosetag: (name) => {
      if (HIDDEN.has(name)) {
        hidden = Math.max(0, hidden - 1)
        return
      }
      if (hidden > 0) return
      if (name === 'pre') verbatim = Math.max(0, verbatim - 1)
      if (isCell(name)) {
        cells = Math.max(0, cells - 1)
        isApart = false
        add('\t')
      }
      if (heading && levelOf(name)) {
        const title = heading.title.trim()
        if (title) headings.push({ level: heading.level, start: heading.start, title: title.slice(0, 300) })
        heading = undefined
        breakLines(2)
      }
      breakAt(name)
    },
  })
  parser.write(html)
  parser.end()
  return { text: pieces.join(''), headings }
}

/** The encoding that a page declares, where browsers look for it. Never UTF-16, since the declaration was read as ASCII. */
export function declaredIn(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(1_024, bytes.byteLength)).toString(
    'latin1',
  )
  return /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/i
    .exec(head)
    ?.slice(1)
    .find((name) => name && !/^utf-?16/i.test(name))
}
