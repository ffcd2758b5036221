import { TaskError } from '../../core/kit/index.ts'

const MAX_ENTRIES = 10_000

type Parts = Readonly<Record<string, Uint8Array>>

export interface OfficeRules {
  /** Most decompressed bytes of all parts. */
  readonly maxUnpackedBytes: number
  /** @returns the error for an archive that exceeds a limit. */
  readonly bomb: (what: string) => Error
  /** @returns the error for an unreadable archive. */
  readonly damaged: (cause: unknown) => Error
  /** @throws TaskError for an archive of another kind. */
  readonly check: (parts: Parts) => void
}

/**
 * Creates a new Office archive from the parts with text or cells, for a reader without limits of its own.
 *
 * Declared sizes are checked before anything is decompressed, and a part is cut at its declared size; pictures and embedded
 * files are not decompressed at all.
 *
 * @throws TaskError according to the rules.
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
  // Office writes no DOCTYPE; XML bombs need one. Searched in the whole part, because a long comment may precede it.
  for (const { buffer, byteOffset, byteLength } of Object.values(parts))
    if (Buffer.from(buffer, byteOffset, byteLength).includes('<!DOCTYPE'))
      throw bomb('a document type declaration')
  return Buffer.from(zipSync(parts, { level: 0 }))
}
