import type { Lane } from '../contract.ts'
import manifestFile from '../tasks/manifest.gen.json' with { type: 'json' }

/** The facts about a task type that are available without loading its code. */
export interface ManifestEntry {
  readonly name: string
  readonly summary: string
  readonly version: number
  readonly lane: Lane
  readonly usesModel: boolean
  readonly needs: readonly string[]
  readonly maxAttempts: number
  readonly timeoutMs: number
  readonly input: Readonly<Record<string, unknown>>
  readonly output: Readonly<Record<string, unknown>>
  readonly examples: readonly unknown[]
}

export const manifest: readonly ManifestEntry[] = manifestFile as unknown as readonly ManifestEntry[]
