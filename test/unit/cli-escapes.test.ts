/** Every command of the CLI, at a terminal, against a stage that puts escape sequences into every text. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createProgram, main } from '../../bin/taskrunner.ts'
import document from '../../functions/api/openapi.gen.json' with { type: 'json' }
import { API_BASE, FUNCTION_NAMES } from '../../functions/contract.ts'

/** A title, a cleared screen, a question to the terminal, a reset, C1 controls, a reversed text, ends of lines, a bell. */
const HOSTILE =
  'a\u001b]0;pwned\u0007b\u001b[2Jc\u001b[5nd\u001bce\u009b31mf\u009d0;x\u009cg\u202egnp\u2066h\u2028i\u2029j\u0008k\u0000l\u007fm'
/** The escape sequences that the commands themselves use. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
const OURS = /\u001b\[(?:(?:1|2|22|3[12356]|39|39;22)m|K|J|H|\d+A|\?25[lh]|\?1049[lh])|[\n\t\r]/g
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u

type Schema = Readonly<Record<string, unknown>>
const SCHEMAS = document.components.schemas as unknown as Readonly<Record<string, Schema>>

/** There is no next page, and no step depends on itself. */
const FIXED = new Map<string, unknown>([
  ['next_cursor', null],
  ['after', []],
])

/** A value of the schema, in which every free text is hostile. */
function sample(schema: Schema, end: string, depth = 0): unknown {
  if (typeof schema.$ref === 'string')
    return sample(SCHEMAS[schema.$ref.split('/').at(-1) ?? ''] ?? {}, end, depth)
  if ('const' in schema) return schema.const
  const words = schema.enum as readonly unknown[] | undefined
  if (words) return words.includes(end) ? end : words[0]
  const choices = (schema.anyOf ?? schema.oneOf) as readonly Schema[] | undefined
  if (choices) return sample(choices.find(({ type }) => type !== 'null') ?? {}, end, depth)
  const type = [schema.type].flat().find((name) => name !== 'null')
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  if (type === 'boolean') return true
  if (type === 'array') return depth > 6 ? [] : [sample(schema.items as Schema, end, depth + 1)]
  if (type === 'string') return schema.format === 'date-time' ? '2026-01-02T03:04:05.000Z' : HOSTILE
  if (depth > 6) return {}
  const fields = Object.entries((schema.properties ?? {}) as Record<string, Schema>).map(
    ([name, field]) => [name, FIXED.has(name) ? FIXED.get(name) : sample(field, end, depth + 1)] as const,
  )
  const more = schema.additionalProperties as Schema | undefined
  return Object.fromEntries([
    ...fields,
    ...(more && typeof more === 'object' ? [[HOSTILE, sample(more, end, depth + 1)] as const] : []),
    // Anything at all.
    ...(type === undefined ? [[HOSTILE, HOSTILE] as const] : []),
  ])
}

interface Documented {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >
}
const ROUTES = Object.entries(
  document.paths as unknown as Record<string, Record<string, Documented>>,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { responses }]) => ({
    method: method.toUpperCase(),
    pattern: new RegExp(`^${path.startsWith(API_BASE) ? '' : API_BASE}${path.replace(/\{\w+\}/g, '[^/]+')}$`),
    responses,
  })),
)

/** How the stage answers: with its first final status, with another one, or with an error. */
let mode: { readonly end: string; readonly refuses: boolean }
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://x')
  const route = ROUTES.find(({ method, pattern }) => method === request.method && pattern.test(pathname))
  if (!route || mode.refuses) {
    const problem = {
      type: HOSTILE,
      title: HOSTILE,
      status: 409,
      detail: HOSTILE,
      instance: HOSTILE,
      code: HOSTILE,
      errors: [{ path: HOSTILE, message: HOSTILE }],
    }
    response.writeHead(409, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    return
  }
  const [status, { content = {} }] = Object.entries(route.responses).find(([code]) =>
    code.startsWith('2'),
  ) ?? ['200', {}]
  const schema = content['application/json']?.schema
  response.writeHead(Number(status), { 'content-type': 'application/json' })
  response.end(JSON.stringify(schema ? sample(schema, mode.end) : HOSTILE))
})

let folder: string
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  folder = await mkdtemp(join(tmpdir(), 'escapes-'))
  await mkdir(join(folder, 'logs'))
  const line = {
    timestamp: HOSTILE,
    level: HOSTILE,
    message: { event: HOSTILE, message: HOSTILE, [HOSTILE]: 'x1' },
  }
  await writeFile(
    join(folder, 'logs', `${FUNCTION_NAMES[0]}.log`),
    `${JSON.stringify(line)}\n${HOSTILE} x1\n`,
  )
  await writeFile(
    join(folder, 'flow.json'),
    '{"chain": [{"type": "example.add", "input": {"x": 1, "y": 2}}]}',
  )
})
afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true })
})

/** Options that a command needs in addition to its arguments; when one is missing, the usage error fails the test. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  submit: ['--wait', '--give-up', '1'],
  watch: ['--give-up', '1'],
  top: ['--once'],
  redrive: ['--dry-run'],
  'schedules create': ['--every', '60', '--prompt', 'x'],
  'schedules update': ['--every', '60'],
  'keys create': ['--scope', 'tasks:read'],
  'limits set': ['--open-tasks', '1'],
}
const WORDS: Readonly<Record<string, string>> = {
  lane: 'ai',
  what: 'active',
  shell: 'bash',
  url: 'https://x.example',
}
/** Its output is for a program, not for a terminal. */
const SPOKEN = ['mcp']

function callsOf(command: Command, before: readonly string[] = []): readonly (readonly string[])[] {
  return command.commands.flatMap((child) => {
    const path = [...before, child.name()]
    if (SPOKEN.includes(path.join(' '))) return []
    const words = child.registeredArguments.map((argument) =>
      argument.name() === 'file' ? join(folder, 'flow.json') : (WORDS[argument.name()] ?? 'x1'),
    )
    const own = child.commands.length > 0 && words.length === 0 ? [] : words
    return [[...path, ...own, ...(MORE[path.join(' ')] ?? [])], ...callsOf(child, path)]
  })
}

async function typed(words: readonly string[]): Promise<string> {
  const streams = [process.stdout, process.stderr]
  let shown = ''
  const spies = streams.map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((text: unknown) => {
      shown += String(text)
      return true
    }),
  )
  const before = streams.map(({ isTTY, columns, rows }) => ({ isTTY, columns, rows }))
  for (const stream of streams) Object.assign(stream, { isTTY: true, columns: 200, rows: 50 })
  vi.stubEnv('TASKRUNNER_STATE', folder)
  vi.stubEnv('FORCE_COLOR', '1')
  try {
    const { port } = server.address() as AddressInfo
    await main(['--base', `http://127.0.0.1:${port}`, ...words])
  } finally {
    for (const spy of spies) spy.mockRestore()
    for (const [index, stream] of streams.entries()) Object.assign(stream, before[index])
    vi.unstubAllEnvs()
    process.exitCode = 0
  }
  return shown
}

it('no command lets a stage’s texts control the terminal', async () => {
  const calls = callsOf(createProgram())
  expect(calls.length).toBeGreaterThan(40)
  const telling = new Set<string>()
  for (const words of [...calls, ['inspect', 'conf'], ['inspect', 'registered'], ['inspect', 'stats']])
    for (const way of [
      { end: 'COMPLETED', refuses: false },
      { end: 'FAILED', refuses: false },
      { end: 'COMPLETED', refuses: true },
    ])
      for (const extra of [[], ['--json']]) {
        mode = way
        const shown = await typed([...words, ...extra])
        const left = shown.replaceAll(OURS, '')
        const at = STEERING.exec(left)?.index
        expect(
          at === undefined ? '' : JSON.stringify(left.slice(Math.max(0, at - 60), at + 60)),
          `${words.join(' ')} ${JSON.stringify(way)}`,
        ).toBe('')
        expect(shown, words.join(' ')).not.toContain('See: npx taskrunner --help')
        if (shown.includes('pwned')) telling.add(words[0] ?? '')
      }
  // These show local data and call no API.
  expect([...new Set(calls.map(([name]) => name))].filter((name) => !telling.has(name ?? ''))).toEqual([
    'prices',
    'completion',
    'version',
  ])
}, 120_000)
