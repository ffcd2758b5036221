import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'

const SOURCES = join(import.meta.dirname, '../../functions')

/** One text literal, as the formatter writes it. */
const TEXT = /(?:'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/.source

/** What only the API document, the console and the dashboards show; they are made from the sources, not from a bundle. */
const DESCRIBED = new RegExp(`\\.describe\\(\\s*${TEXT},?\\s*\\)`, 'g')
const MEANS = new RegExp(`^\\s*means:\\s*${TEXT},\\n`, 'gm')

/** The shapes of a route's answers and of a type's output: for the document, for the compiler, and for the worker. */
const ANSWERS = /^ {2}answers: (?:\w+|\{.*\}|\{\n[\s\S]*?^ {2}\}),\n/gm
const OUTPUT = /^ {2}output(?:|: [\s\S]*?),\n(?= {2}\w|\}\))/gm
/** Where a statement of a module begins, as the formatter writes it. */
const STATEMENT = /^(?=(?:export|const|let|class|function|async|interface|type|import)\b|\/[/*])/m

/** What a task type does, in its declaration; its input alone is checked here, by code that it may import late as well. */
const RUN = /^ {2}run: [\s\S]*?^\}\)/m
const withoutRun = (run: string): string =>
  // Nothing stands behind it: then it goes as a whole.
  /\n {2}\w/.test(run) ? run.replace(LATE, "import('left-out')") : '})'
const LATE = /import\('\.[^']+'\)/g
const LEFT_OUT = join(import.meta.dirname, 'left-out.ts')

/** JSON Schemas are written when the document is made, and by a worker when it asks a model; both have the whole library. */
const JSON_SCHEMA_LINE = /^\s*inst\._zod\.processJSONSchema = .*;$/gm
const JSON_SCHEMA_CALL = /create(?:Standard|To)JSONSchemaMethod\(this, (?:"\w+"|\{\})\)(?:\(params\))?/g
/** A function's settings are in its environment: it has no home with files of profiles, and no machine's metadata to ask. */
const NEVER_ON_LAMBDA: readonly (readonly [RegExp, string])[] = [
  [
    /\/shared-ini-file-loader\/loadSharedConfigFiles\.js$/,
    "export { CONFIG_PREFIX_SEPARATOR } from './constants'; export const loadSharedConfigFiles = async () => ({ configFile: {}, credentialsFile: {} })",
  ],
  [/\/getInstanceMetadataRegion\.js$/, 'export const getInstanceMetadataRegion = async () => undefined'],
]
const ERROR_LINE = /^\w+_registry\.registerError\(\w+\$, (\w+)\);$/gm

/** What our sources import from a package of AWS. */
function importedNames(): ReadonlySet<string> {
  const text = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(SOURCES, path), 'utf8'))
    .join('\n')
  const lists = [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\//g)].map(([, list]) => list)
  return new Set(lists.join().match(/\w+/g))
}

/** A declaration without what only others read of it; as it was where a property more would go. */
function declaringLess(text: string): string {
  const edited = text.replace(ANSWERS, '').replace(OUTPUT, '').replace(RUN, withoutRun)
  return propertiesOf(text).join() === propertiesOf(edited).join() ? edited : text
}

const propertiesOf = (text: string): readonly string[] =>
  [...text.matchAll(/^ {2}(?!(?:answers|output|run)\b)\w+(?=[:(,])/gm)].map(([name]) => name)

/** A schema that nothing reads any more is left out, which a bundler does only where it is told that making one does nothing else. */
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

/** A shape whose keys are constants looks to a bundler as if making it did something; then it keeps all of a service's. */
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
 * Leaves out of an API function's bundle what none of its requests can reach, and no bundler can see: it does not know that
 * a text is never read. Behaviour stays as it is: an error of AWS without a class of its
 * own still has its name, and a hash is Node's own.
 */
export function leanPlugin(): Plugin {
  let names: ReadonlySet<string> | undefined
  // Read when first asked for, and anew for each making: a watcher makes bundles for days, and sources change.
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
