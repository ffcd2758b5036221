/**
 * Encodings that PDFs name for Chinese, Japanese and Korean without containing a table: older programs write them for fonts that
 * every reader was expected to have. pdf.js needs Adobe's tables for them, 1.6 MB. For the text alone Node's decoders are
 * enough, so a table is generated when a file asks for one. It maps each code to its Unicode character instead of a glyph number.
 */
type Width = 'one or two' | 'two'

interface Encoding {
  readonly ordering: string
  readonly decoder: string
  readonly width: Width
  /** Set on both bytes before decoding, for encodings that leave the upper bit out. */
  readonly upperBit?: true
}

const FAMILIES: readonly (readonly [names: RegExp, encoding: Encoding])[] = [
  [
    /^(?:GB|GBpc|GBK|GBKp)-EUC-[HV]$|^GBK2K-[HV]$/,
    { ordering: 'GB1', decoder: 'gb18030', width: 'one or two' },
  ],
  [/^UniGB-(?:UCS2|UTF16)-[HV]$/, { ordering: 'GB1', decoder: 'utf-16be', width: 'two' }],
  [/^(?:B5pc|HKscs-B5|ETen-B5|ETenms-B5)-[HV]$/, { ordering: 'CNS1', decoder: 'big5', width: 'one or two' }],
  [/^UniCNS-(?:UCS2|UTF16)-[HV]$/, { ordering: 'CNS1', decoder: 'utf-16be', width: 'two' }],
  [/^\w+-RKSJ-[HV]$/, { ordering: 'Japan1', decoder: 'shift_jis', width: 'one or two' }],
  [/^EUC-[HV]$/, { ordering: 'Japan1', decoder: 'euc-jp', width: 'one or two' }],
  [/^[HV]$/, { ordering: 'Japan1', decoder: 'euc-jp', width: 'two', upperBit: true }],
  [/^UniJIS-(?:UCS2|UTF16)(?:-HW)?-[HV]$/, { ordering: 'Japan1', decoder: 'utf-16be', width: 'two' }],
  [
    /^(?:KSC|KSCms|KSCpc)-(?:EUC|UHC)(?:-HW)?-[HV]$/,
    { ordering: 'Korea1', decoder: 'euc-kr', width: 'one or two' },
  ],
  [/^UniKS-(?:UCS2|UTF16)-[HV]$/, { ordering: 'Korea1', decoder: 'utf-16be', width: 'two' }],
]

const TWO_BYTES = ['<0000> <ffff>']

const hex = (code: number, bytes: number): string => `<${code.toString(16).padStart(bytes * 2, '0')}>`

/** The `BinaryDataFactory` of pdf.js; one per document. */
export class CjkTables {
  /** Of the tables requested so far. */
  readonly #orderings = new Set<string>()

  /** @throws Error for an unknown name; pdf.js then continues without the font's text. */
  async fetch({ filename }: { readonly filename: string }): Promise<Uint8Array> {
    const [, ordering] = /^Adobe-(\w+)-UCS2$/.exec(filename) ?? []
    // This table would be wrong for a font with Adobe's glyph numbers.
    if (ordering && this.#orderings.has(ordering))
      return table(TWO_BYTES, '1 beginbfrange\n<0000> <ffff> <0000>\nendbfrange')
    const encoding = FAMILIES.find(([names]) => names.test(filename))?.[1]
    if (!encoding) throw new Error(`There is no table "${filename}".`)
    this.#orderings.add(encoding.ordering)
    return encoding.decoder === 'utf-16be'
      ? table(TWO_BYTES, '1 begincidrange\n<0000> <ffff> 0\nendcidrange')
      : codesOf(encoding)
  }
}

/** As PostScript, which pdf.js accepts beside its own packed format. */
const table = (codeSpaces: readonly string[], mapping: string): Uint8Array =>
  Buffer.from(
    `${codeSpaces.length} begincodespacerange\n${codeSpaces.join('\n')}\nendcodespacerange\n${mapping}\nendcmap\n`,
  )

function codesOf({ decoder: name, width, upperBit }: Encoding): Uint8Array {
  const decoder = new TextDecoder(name)
  const codes: string[] = []
  /** @returns whether the bytes are a character. */
  const add = (bytes: readonly number[]): boolean => {
    const text = decoder.decode(Uint8Array.from(bytes, (byte) => (upperBit ? byte | 0x80 : byte)))
    if (text.length !== 1 || text === '\ufffd') return false
    const code = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    codes.push(`${hex(code, bytes.length)} ${text.charCodeAt(0)}`)
    return true
  }
  const spaces: string[] = []
  if (width === 'one or two')
    for (let byte = 0; byte <= 0xff; byte += 1)
      if (add([byte])) spaces.push(`${hex(byte, 1)} ${hex(byte, 1)}`)
  const [from, to] = upperBit ? [0x21, 0x7e] : [0x81, 0xfe]
  for (let first = from; first <= to; first += 1)
    for (let second = upperBit ? from : 0x40; second <= to; second += 1) add([first, second])
  spaces.push(upperBit ? '<2121> <7e7e>' : '<8140> <fefe>')
  return table(spaces, `${codes.length} begincidchar\n${codes.join('\n')}\nendcidchar`)
}
