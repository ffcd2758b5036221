/**
 * The encodings that PDFs name for Chinese, Japanese and Korean without bringing a table of them: what older programs write for
 * fonts that every reader was to have. pdf.js wants Adobe's tables of them, 1.6 MB; for the text alone Node's own decoders know
 * the same, so a table is made of them when a file asks for one. It maps each code to its Unicode in place of a glyph's number.
 */
type Width = 'one or two' | 'two'

interface Encoding {
  readonly ordering: string
  readonly decoder: string
  readonly width: Width
  /** Of both bytes, for an encoding that leaves the upper bit away. */
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

/** What pdf.js asks for by `BinaryDataFactory`; one for each document. */
export class CjkTables {
  /** Of the tables that were asked for. */
  readonly #orderings = new Set<string>()

  /** @throws Error for a name that is none of these; pdf.js goes on without the font's text. */
  async fetch({ filename }: { readonly filename: string }): Promise<Uint8Array> {
    const [, ordering] = /^Adobe-(\w+)-UCS2$/.exec(filename) ?? []
    // Asked for a font with glyph numbers of Adobe's, it would be wrong.
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

/** As PostScript, which pdf.js reads beside its own packed form. */
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
