import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'

const SOURCES = join(import.meta.dirname, '../../functions')

/** A string literal, as the formatter writes it. */
const TEXT = /(?:'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/.source

/** Texts used only by the API document, the console and the dashboards, which are made from the sources and not from a bundle. */
const DESCRIBED = new RegExp(`\\.describe\\(\\s*${TEXT},?\\s*\\)`, 'g')
const MEANS = new RegExp(`^\\s*means:\\s*${TEXT},\\n`, 'gm')

/** Schemas of a route's answers and of a type's output, used only by the API document, the compiler and the worker. */
const ANSWERS = /^ {2}answers: (?:\w+|\{.*\}|\{\n[\s\S]*?^ {2}\}),\n/gm
const OUTPUT = /^ {2}output(?:|: [\s\S]*?),\n(?= {2}\w|\}\))/gm
/** The beginning of a module's statement, as the formatter writes it. */
const STATEMENT = /^(?=(?:export|const|let|class|function|async|interface|type|import)\b|\/[/*])/m

/** The code of a task type in its declaration. The API only validates its input, possibly with code imported later. */
const RUN = /^ {2}run: [\s\S]*?^\}\)/m
const remainderOf = (run: string): string =>
  // When nothing follows, `run` is removed completely.
  /\n {2}\w/.test(run) ? run.replace(DYNAMIC_IMPORT, "import('left-out')") : '})'
export const withoutRun = (text: string): string => text.replace(RUN, remainderOf)
const DYNAMIC_IMPORT = /import\('\.[^']+'\)/g
const LEFT_OUT = join(import.meta.dirname, 'left-out.ts')

/** JSON Schemas are created for the API document, and by workers for models; both use the complete library. */
const JSON_SCHEMA_LINE = /^\s*inst\._zod\.processJSONSchema = .*;$/gm
const JSON_SCHEMA_CALL = /create(?:Standard|To)JSONSchemaMethod\(this, (?:"\w+"|\{\})\)(?:\(params\))?/g
/** A function's settings are in its environment; it has no profile files and no instance metadata. */
const NEVER_ON_LAMBDA: readonly (readonly [RegExp, string])[] = [
  [
    /\/shared-ini-file-loader\/loadSharedConfigFiles\.js$/,
    "export { CONFIG_PREFIX_SEPARATOR } from './constants'; export const loadSharedConfigFiles = async () => ({ configFile: {}, credentialsFile: {} })",
  ],
  [/\/getInstanceMetadataRegion\.js$/, 'export const getInstanceMetadataRegion = async () => undefined'],
]
const ERROR_LINE = /^\w+_registry\.registerError\(\w+\$, (\w+)\);$/gm

/** Names that our sources import from an AWS package. */
function importedNames(): ReadonlySet<string> {
  const text = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(SOURCES, path), 'utf8'))
    .join('\n')
  const lists = [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\//g)].map(([, list]) => list)
  return new Set(lists.join().match(/\w+/g))
}

/** A declaration without the parts that only others use; unchanged when more than those would be removed. */
function declaringLess(text: string): string {
  const edited = withoutRun(text.replace(ANSWERS, '').replace(OUTPUT, ''))
  return propertiesOf(text).join() === propertiesOf(edited).join() ? edited : text
}

const propertiesOf = (text: string): readonly string[] =>
  [...text.matchAll(/^ {2}(?!(?:answers|output|run)\b)\w+(?=[:(,])/gm)].map(([name]) => name)

/** Marks the creation of schemas as free of side effects; otherwise the bundler keeps unused ones. */
const withPureSchemas = (text: string): string =>
  text
    .split(STATEMENT)
    .map((statement) =>
      statement.replace(
        /^((?:export )?const \w+(?:: [^=\n]+)? =\s)(z\b[\s\S]*?)(\s*)$/,
        '$1/* @__PURE__ */ (() => $2)()$3',
      ),
    )
    .join('')

/** Replaces constant keys of shapes by literals; otherwise the bundler assumes side effects and keeps all shapes of a service. */
function withPlainKeys(text: string): string {
  const constants = new Map(
    [...text.matchAll(/^const (_\w+) = ("[^"]*");$/gm)].map(([, name = '', value = '']) => [name, value]),
  )
  return text.replace(/\[(_\w+)\]: /g, (key, name: string) => {
    const value = constants.get(name)
    return value ? `${value}: ` : key
  })
}

/**
 * Removes code from an API function's bundle that none of its requests can reach, where no bundler can know this: for example,
 * that a text is never read. Behaviour does not change: an AWS error without its own class still has its name, and a hash is
 * calculated by Node.
 */
export function leanPlugin(): Plugin {
  let names: ReadonlySet<string> | undefined
  // Read at first use, and again for each build, because a watcher builds for days while sources change.
  const isImported = (name: string): boolean => {
    names ??= importedNames()
    return names.has(name)
  }
  return {
    name: 'lean',
    setup: ({ onLoad, onResolve }) => {
      onResolve({ filter: /^(?:left-out|\.\/json-schema-of\.ts)$/ }, () => ({ path: LEFT_OUT }))
      const change = (filter: RegExp, edit: (text: string) => string, loader: 'js' | 'ts' = 'js') =>
        onLoad({ filter }, async ({ path }) => ({ contents: edit(await readFile(path, 'utf8')), loader }))
      change(
        /\/functions\/(?:api|tasks|core\/kit)\/.*\.ts$/,
        (text) => withPureSchemas(declaringLess(text.replace(DESCRIBED, ''))),
        'ts',
      )
      change(/\/functions\/metrics\.ts$/, (text) => text.replace(MEANS, ''), 'ts')
      change(/\/zod\/v4\/classic\/schemas\.js$/, (text) =>
        text
          .replace(JSON_SCHEMA_LINE, '')
          .replace(JSON_SCHEMA_CALL, 'undefined')
          .replaceAll('processors.aggregateChecks(inst)', '({})'),
      )
      change(/\/@aws-sdk\/client-[\w-]+\/dist-es\/schemas\/schemas_0\.js$/, (text) =>
        withPlainKeys(text).replace(ERROR_LINE, (line, name: string) =>
          isImported(name) || name.endsWith('ServiceException') ? line : '',
        ),
      )
      for (const [filter, contents] of NEVER_ON_LAMBDA) change(filter, () => contents)
      change(/\/checksum\/(?:sha256\/Sha256|crc32\/Crc32)Js\.js$/, (text) =>
        text.replace(/^[\s\S]*export class (\w+)[\s\S]*$/, 'export const $1 = undefined'),
      )
    },
  }
}
