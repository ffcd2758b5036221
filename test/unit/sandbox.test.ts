import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EnvironmentMessage, LambdaError } from '../../lib/local/emulator/lambda/environment-messages.ts'
import { openProcessSandbox } from '../../lib/local/emulator/lambda/process-sandbox.ts'
import type { Sandbox, SandboxOptions } from '../../lib/local/emulator/lambda/sandbox.ts'
import { openThreadSandbox } from '../../lib/local/emulator/lambda/thread-sandbox.ts'
import type { FunctionPlan } from '../../lib/local/emulator/template/plan.ts'

/** Throws what its event says, after it has answered, or writes it to the log. */
const CODE = `
const circular = { name: 'ring' }
circular.self = circular
const VALUES = {
  undefined: undefined,
  null: null,
  text: 'a text',
  number: 7,
  circular,
  'without a prototype': Object.create(null),
  'an error whose message cannot be read': Object.defineProperty(new Error(), 'message', { get() { throw new Error() } }),
  bigint: { count: 10n },
  error: { cause: new Error('the cause') },
  'an error': new TypeError('too late'),
}
export async function handler({ late, log }) {
  if (late) setTimeout(() => { throw VALUES[late] }, 10)
  if (log) console.info(VALUES[log])
  return 'answered'
}
`

let folder: string
const open: Sandbox[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-'))
  await writeFile(join(folder, 'index.mjs'), CODE)
})
afterAll(async () => {
  await Promise.all(open.map((sandbox) => sandbox.end()))
  await rm(folder, { recursive: true, force: true })
})

describe.each([
  ['a thread', openThreadSandbox],
  ['a process', openProcessSandbox],
] as const)('%s', (_, openSandbox) => {
  /** Handles one event. @returns the lines until the answer, and the error that ends the environment. */
  async function handle(event: object) {
    const plan = {
      functionName: 'probe',
      arn: 'arn',
      codeDirectory: folder,
      handler: 'index.handler',
      memoryMb: 128,
    }
    const lines: string[] = []
    let onAnswer: (() => void) | undefined
    const answered = new Promise<void>((resolve) => {
      onAnswer = resolve
    })
    const ended = new Promise<LambdaError>((resolve) => {
      const options: SandboxOptions = {
        id: 'probe',
        plan: plan as FunctionPlan,
        env: {},
        compileCache: join(folder, 'cache'),
        onLine: () => undefined,
        onEnd: resolve,
        onMessage: (message: EnvironmentMessage) => {
          if (message.kind === 'ready')
            sandbox.post({
              kind: 'invoke',
              requestId: 'r',
              timeoutMs: 5_000,
              event: JSON.stringify(event),
            } as never)
          if (message.kind === 'lines') lines.push(...message.lines)
          if (message.kind === 'result' || message.kind === 'error') onAnswer?.()
        },
      }
      const sandbox = openSandbox(options)
      open.push(sandbox)
    })
    await answered
    return { lines, ended }
  }

  it.each([
    ['undefined', 'undefined'],
    ['null', 'null'],
    ['text', 'a text'],
    ['number', '7'],
    ['an error', 'too late'],
    ['circular', 'ring'],
    ['without a prototype', '[Object: null prototype] {}'],
    ['an error whose message cannot be read', 'An error that cannot be read'],
  ])('code that throws %s after its answer ends only its environment', async (late, text) => {
    const { ended, lines } = await handle({ late })
    const { errorMessage } = await ended
    expect(errorMessage).toContain(text)
    // Nothing else tells the author where it was thrown.
    const [line] = lines.map((json) => JSON.parse(json))
    expect(line).toMatchObject({ level: 'ERROR', message: { errorMessage: expect.stringContaining(text) } })
    if (late === 'an error') expect(line.message.stackTrace[0]).toContain('index.mjs')
  })

  it.each([
    ['circular', 'ring'],
    ['bigint', '10n'],
    ['error', 'the cause'],
  ])('a value that JSON cannot represent is logged as by Lambda: %s', async (log, text) => {
    const { lines } = await handle({ log })
    expect(lines.join('\n')).toContain(text)
  })
})
