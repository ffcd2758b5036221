import { describe, expect, it } from 'vitest'
import { readDocument } from '../../../functions/tasks/document-process/heavy.ts'
import type { DocumentFormat } from '../../../functions/tasks/document-process/sniff.ts'
import {
  makeCjkPdf,
  makeDocx,
  makeDocxBomb,
  makeEncryptedOffice,
  makePdf,
} from '../../fixtures/documents/make-documents.ts'

const read = (bytes: Buffer | string, hint?: DocumentFormat) =>
  readDocument({ bytes: Buffer.from(bytes as string), hint })
const codeOf = (bytes: Buffer | string, hint?: DocumentFormat) =>
  read(bytes, hint).then(
    () => 'read',
    (error) => error.code,
  )
/** "The sea is wide and deep.", and "the contract ends on the first of June" in Chinese. */
const CHINESE = '合同于六月一日终止。本合同由双方签署，自签署之日起生效，有效期为三年。'
const GBK = Buffer.from(
  'bacfcdacd3dac1f9d4c2d2bbc8d5d6d5d6b9a1a3b1bebacfcdacd3c9cbabb7bdc7a9caf0a3acd7d4c7a9caf0d6aec8d5c6f0c9fad0a7a3acd3d0d0a7c6dacec8fdc4eaa1a3',
  'hex',
)

describe('a document is read according to its bytes', () => {
  it('PDF: pages, paragraphs by their distance, large lines as headings', async () => {
    const { text, headings, pages, format } = await read(
      makePdf([
        [
          { text: 'Chapter One', size: 20, y: 750 },
          { text: 'The first line of a paragraph', size: 11, y: 700 },
          { text: 'goes on here (with brackets).', size: 11, y: 686 },
          { text: 'A second paragraph.', size: 11, y: 640 },
        ],
        [{ text: 'The next page.', size: 11, y: 750 }],
      ]),
    )
    expect([format, pages]).toEqual(['pdf', 2])
    expect(text.split(/\n\n+/).map((paragraph) => paragraph.replaceAll('\n', ' ').trim())).toEqual([
      'Chapter One',
      'The first line of a paragraph goes on here (with brackets).',
      'A second paragraph. The next page.',
    ])
    expect(headings).toEqual([{ title: 'Chapter One', level: 1, start: 0 }])
  })

  it.each([
    ['GBK-EUC-H', 'GB1', 'bacfcdacd3dac1f9d4c2', '合同于六月'],
    ['UniGB-UCS2-H', 'GB1', '5408540c4e8e', '合同于'],
    ['UniGB-UTF16-H', 'GB1', '5408540c', '合同'],
    ['ETen-B5-H', 'CNS1', 'a448a44b', '人八'],
    ['90ms-RKSJ-H', 'Japan1', '93fa967b8cea41b1', '日本語Aｱ'],
    ['EUC-H', 'Japan1', 'c6fccbdc', '日本'],
    ['H', 'Japan1', '467c4b5c', '日本'],
    ['UniJIS-UCS2-HW-V', 'Japan1', '65e5672c', '日本'],
    ['KSCms-UHC-H', 'Korea1', 'c7d1b1b9', '한국'],
  ])('PDF in %s, without a character table in the file', async (encoding, ordering, codes, text) => {
    const pdf = makeCjkPdf(encoding, ordering, Buffer.from(codes, 'hex'))
    expect((await read(pdf)).text).toBe(text)
  })

  it('PDF in an unknown encoding has no text, instead of wrong text', async () => {
    expect(await codeOf(makeCjkPdf('Unheard-Of-H', 'GB1', Buffer.from('bacf', 'hex')))).toBe(
      'document_no_text',
    )
  })

  it('DOCX: styles are headings', async () => {
    const { text, headings, format } = await read(
      makeDocx([
        { text: 'Title', heading: 1 },
        { text: 'Some words &amp; more.' },
        { text: 'Part', heading: 2 },
      ]),
    )
    expect(format).toBe('docx')
    expect(text.trim()).toBe('Title\n\nSome words & more.\n\nPart')
    expect(headings.map(({ title, level, start }) => [title, level, text.slice(start, start + 4)])).toEqual([
      ['Title', 1, 'Titl'],
      ['Part', 2, 'Part'],
    ])
  })

  it('DOCX: a table row is a line', async () => {
    const cell = (...paragraphs: string[]) =>
      `<w:tc>${paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join('')}</w:tc>`
    const table = `<w:tbl><w:tr>${cell('Name')}${cell('Age')}</w:tr><w:tr>${cell('Ann', 'Bee')}${cell('31')}</w:tr></w:tbl>`
    const docx = makeDocx([{ text: `above</w:t></w:r></w:p>${table}<w:p><w:r><w:t>below` }])
    expect((await read(docx)).text.trim()).toBe('above\n\nName\tAge\t\nAnn Bee\t31\t\n\nbelow')
  })

  it('HTML: the visible text, without scripts and styles', async () => {
    const { text, headings, format } = await read(
      '<?xml version="1.0"?>\n<!-- made by hand -->\n<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head><body><h1>A <em>B</em></h1><p>one &amp; two<br>three</p><script>alert("no")</script><table><tr><td>1</td><td>2</td></tr></table><svg><text>no</text></svg></body></html>',
    )
    expect(format).toBe('html')
    expect(text.replace(/[ \t]+/g, ' ').trim()).toBe('A B\n\none & two\nthree\n\n1 2')
    expect(headings).toEqual([{ title: 'A B', level: 1, start: 0 }])
  })

  it('HTML nested a hundred thousand deep', async () => {
    const { text } = await read(`<html>${'<div>'.repeat(100_000)}deep`)
    expect(text.trim()).toBe('deep')
  })

  it('Markdown: headings, but not those in code', async () => {
    const text = 'Intro\n\n# One\n\ntext\n\n```\n# no\n```\n\nTwo\n---\n\n## Three\n'
    const { headings } = await read(text, 'markdown')
    expect(headings.map(({ title, level, start }) => [title, level, text.slice(start, start + 3)])).toEqual([
      ['One', 1, '# O'],
      ['Two', 2, 'Two'],
      ['Three', 2, '## '],
    ])
  })

  it.each([
    ['utf-8', Buffer.from(CHINESE)],
    ['utf-8', Buffer.from(`\uFEFF${CHINESE}`)],
    ['utf-16le', Buffer.from(`\uFEFF${CHINESE}`, 'utf16le')],
    ['utf-16be', Buffer.from(`\uFEFF${CHINESE}`, 'utf16le').swap16()],
  ])('text in %s', async (encoding, bytes) => {
    const read = await readDocument({ bytes, hint: undefined })
    expect([read.encoding, read.text]).toEqual([encoding, CHINESE])
  })

  it('text in GBK', async () => {
    const { text, encoding } = await read(GBK)
    expect(encoding).toMatch(/^gb/)
    expect(text).toMatch(/^合同于六月一日终止。/)
  })

  it.each(['utf-16le', 'utf-16be'])('any script in %s without a byte order mark', async (encoding) => {
    for (const text of [
      '大海又宽又深。\n一切都好，没有别的。',
      'Море широкое и глубокое, всё хорошо.',
      'Das Meer.\n',
    ]) {
      const bytes = Buffer.from(text, 'utf16le')
      expect(await read(encoding === 'utf-16be' ? bytes.swap16() : bytes)).toMatchObject({ text, encoding })
    }
  })

  it('a web page in the encoding that it declares', async () => {
    const page = Buffer.concat([
      Buffer.from('<html><head><meta charset="windows-1251"></head><body><p>'),
      Buffer.from([0xec, 0xee, 0xf0, 0xe5]),
      Buffer.from('</p></body></html>'),
    ])
    expect(await read(page)).toMatchObject({
      encoding: 'windows-1251',
      text: expect.stringContaining('море'),
    })
    const liar = Buffer.from(page.toString('latin1').replace('windows-1251', 'utf-16'), 'latin1')
    expect((await read(liar)).encoding).not.toMatch(/utf-16/)
  })

  it('UTF-8 with an invalid byte stays UTF-8, also when other characters come late', async () => {
    const bytes = Buffer.from(`${'plain, '.repeat(20_000)}大海又宽又深，一切都好。`)
    const broken = Buffer.concat([bytes, Buffer.from([0xff])])
    const { encoding, text } = await read(broken)
    expect([encoding, text.slice(-8)]).toEqual(['utf-8', '深，一切都好。\ufffd'])
  })

  it('text in UTF-16 without a byte order mark', async () => {
    expect((await read(Buffer.from('The sea is wide and deep.', 'utf16le'))).text).toBe(
      'The sea is wide and deep.',
    )
  })
})

describe('a document that is refused, with a code of its own', () => {
  it.each<[string, string, Buffer | string, DocumentFormat?]>([
    [
      'a PDF that wants a password',
      'document_encrypted',
      makePdf([[{ text: 'x', size: 11, y: 1 }]], { isEncrypted: true }),
    ],
    ['an Office file that wants a password', 'document_encrypted', makeEncryptedOffice()],
    ['a damaged PDF', 'document_damaged', '%PDF-1.4 nothing of the kind'],
    ['a damaged DOCX', 'document_damaged', makeDocx([{ text: 'x' }]).subarray(0, 600)],
    ['a PDF of 10,000 pages', 'document_too_long', makePdf(Array.from({ length: 10_000 }, () => []))],
    ['a scan', 'document_no_text', makePdf([[]])],
    ['a blank text', 'document_no_text', ' \n\t '],
    ['a zip bomb', 'document_bomb', makeDocxBomb()],
    [
      'an XML bomb',
      'document_bomb',
      makeDocx([{ text: '&a;' }], { head: '<!DOCTYPE w [<!ENTITY a "aaaa">]>' }),
    ],
    ['a picture', 'document_unsupported', Buffer.from('89504e470d0a1a0a0000000d49484452000000010000', 'hex')],
    ['a wrong name: text as PDF', 'document_type_mismatch', 'only text', 'pdf'],
    ['a wrong name: PDF as text', 'document_type_mismatch', makePdf([[]]), 'text'],
  ])('%s', async (_name, code, bytes, hint) => {
    expect(await codeOf(bytes, hint)).toBe(code)
  })

  it('a part with a wrong size is cut at its declared size', async () => {
    const bytes = makeDocx([{ text: 'x' }], { more: { 'word/lies.xml': new Uint8Array(5_000_000) } })
    const at = bytes.lastIndexOf('word/lies.xml') - 46
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50)
    bytes.writeUInt32LE(10, at + 24)
    expect((await read(bytes)).text.trim()).toBe('x')
  })
})
