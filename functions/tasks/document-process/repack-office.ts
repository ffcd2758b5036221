import { TaskError } from '../../core/kit/index.ts'

const MAX_ENTRIES = 10_000

type Parts = Readonly<Record<string, Uint8Array>>

export interface OfficeRules {
  /** Of all that is unpacked. */
  readonly maxUnpackedBytes: number
  /** @returns the error for an archive that has too much of something. */
  readonly bomb: (what: string) => Error
  /** @returns the error for an archive that cannot be read. */
  readonly damaged: (cause: unknown) => Error
  /** @throws TaskError for an archive that is something else. */
  readonly check: (parts: Parts) => void
}

/**
 * Makes an Office archive anew from the parts that hold text or cells, for a reader that would trust it.
 *
 * What is unpacked is counted by what the archive declares before a byte is unpacked, and a part that states a wrong size is
 * cut at what it declared; pictures and embedded files are not unpacked at all.
 *
 * @throws TaskError as the rules say.
 */
export async function repackOffice(
  bytes: Uint8Array,
  { maxUnpackedBytes, bomb, damaged, check }: OfficeRules,
): Promise<Buffer> {
  const { unzipSync, zipSync } = await import('fflate')
  let total = 0
  let entries = 0
  let parts: Record<string, Uint8Array>
  try {
    parts = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        entries += 1
        if (entries > MAX_ENTRIES) throw bomb(`more than ${MAX_ENTRIES} parts`)
        if (!/\.(?:xml|rels)$/i.test(name)) return false
        total += originalSize
        if (total > maxUnpackedBytes) throw bomb(`more than ${maxUnpackedBytes / 1_000_000} MB unpacked`)
        return true
      },
    })
  } catch (error) {
    throw error instanceof TaskError ? error : damaged(error)
  }
  check(parts)
  // Office writes none; entities of a document type are how an XML bomb is made. Anywhere: a comment of any length may stand before.
  for (const { buffer, byteOffset, byteLength } of Object.values(parts))
    if (Buffer.from(buffer, byteOffset, byteLength).includes('<!DOCTYPE'))
      throw bomb('a document type declaration')
  return Buffer.from(zipSync(parts, { level: 0 }))
}
