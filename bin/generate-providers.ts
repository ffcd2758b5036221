/** Generates from `functions/contract/providers.ts`: the imports of the providers' code, and their lines in `.env.example`. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Contract from '../functions/contract/providers.ts'
import { isStale } from './generated-file.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PLACE = 'functions/core/adapters/providers'
const EXAMPLE = '.env.example'
/** The lines between these in `.env.example` are generated. */
const BEGIN =
  '# Keys of further providers, and servers that speak their protocols. Written by "npm run generate".\n'
const END = '# End of what is written.\n'

/**
 * @param options.check compares only; nothing is written.
 * @param options.root the project, for tests.
 * @returns the files that are (or would be) rewritten.
 * @throws Error that names the missing file.
 */
export async function generateProviders(options: { check?: boolean; root?: string } = {}): Promise<string[]> {
  const root = options.root ?? ROOT
  const contract: typeof Contract = await import(
    pathToFileURL(join(root, 'functions/contract/providers.ts')).href
  )
  for (const name of contract.PROVIDERS)
    if (!existsSync(join(root, PLACE, fileOf(name))))
      throw new Error(
        `functions/contract/providers.ts has a row "${name}": ${PLACE}/${fileOf(name)} must export openProvider.`,
      )
  const files = {
    [`${PLACE}/provider-modules.gen.ts`]: code(contract.PROVIDERS),
    // A container image has no `.env.example`.
    ...(existsSync(join(root, EXAMPLE))
      ? { [EXAMPLE]: withKeys(await readFile(join(root, EXAMPLE), 'utf8'), contract) }
      : {}),
  }
  const changed: string[] = []
  for (const [file, text] of Object.entries(files)) {
    if (await isStale(join(root, file), text, options.check)) changed.push(file)
  }
  return changed
}

/** Without OpenAI, whose lines above have comments of their own. */
function withKeys(
  example: string,
  { KEYED_PROVIDERS, keyVariableOf, baseUrlVariableOf }: typeof Contract,
): string {
  const [before = '', rest = ''] = example.split(BEGIN)
  const [, after = ''] = rest.split(END)
  const lines = KEYED_PROVIDERS.filter((name) => !before.includes(`${keyVariableOf(name)}=`)).map(
    (name) => `${keyVariableOf(name)}=\n${baseUrlVariableOf(name)}=\n`,
  )
  return `${before}${BEGIN}${lines.join('')}${END}${after}`
}

const fileOf = (name: string) => `${name}/${name}-provider.ts`

const code = (
  names: readonly string[],
): string => `// Written by "npm run generate" from functions/contract/providers.ts. Do not edit.
import type { ProviderName } from '../../../contract/providers.ts'
import type { OpenProvider } from './shared/open-provider.ts'

export const PROVIDER_MODULES: Readonly<
  Record<ProviderName, () => Promise<{ readonly openProvider: OpenProvider }>>
> = {
${names.map((name) => `  ${/^\w+$/.test(name) ? name : `'${name}'`}: () => import('./${fileOf(name)}'),`).join('\n')}
}
`
