import { TaskError } from '../domain/errors.ts'
import { detectMediaType } from '../domain/media-type.ts'
import type { Mail } from '../ports/mailer.ts'
import { textOf } from '../ports/model-provider.ts'
import type {
  FileRef,
  ModelCall,
  ModelReply,
  StageUpkeep,
  TaskContext,
  TaskDefinition,
  TaskFiles,
  UploadRef,
} from './define-task.ts'

const MODEL = 'test-model'

export interface RunTaskTypeSettings {
  /** The model's answer, streamed in two pieces. */
  readonly answer?: string
  /** Instead of `answer`: a function of the prompt, which may throw a provider's errors. */
  readonly complete?: (call: { readonly prompt: string; readonly system?: string }) => Promise<string>
  /** Instead of both: a function of the whole call. */
  readonly generate?: (call: ModelCall) => Promise<ModelReply>
  /** The model's name. */
  readonly modelName?: string
  /** Instead of the type's own `heavy.ts`, which is run without a thread. */
  readonly heavy?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
  /** Instead of the stage's function, for a type that needs `upkeep`. */
  readonly cleanUp?: StageUpkeep['cleanUp']
  /** Uploads by their id. */
  readonly uploads?: Readonly<Record<string, { readonly name?: string; readonly bytes: Uint8Array }>>
  /** Number of the attempt. Default 1. */
  readonly attempt?: number
}

/** The result of a run, and everything that the code called. */
export interface RunTaskTypeResult<Output> {
  readonly result: Output
  readonly prompts: readonly string[]
  readonly progressReports: readonly { readonly percent: number; readonly message: string | undefined }[]
  /** Calls of `context.log`. */
  readonly logged: readonly { readonly message: string; readonly [field: string]: unknown }[]
  readonly slept: readonly number[]
  /** Names of the steps that ran, in order. */
  readonly stepped: readonly string[]
  /** Arguments of `mail.send`, in order. */
  readonly mails: readonly Mail[]
  /** Arguments of `files.write`, in order. */
  readonly written: readonly {
    readonly name: string
    readonly contentType: string
    readonly bytes: Uint8Array
  }[]
  /** The text that watching clients have received. */
  readonly streamed: string
}

/**
 * Runs a task type's code in a test, with given model answers. The input is what a caller would send: defaults are filled in,
 * and an invalid input throws. `sleep` returns at once.
 *
 * @example
 * const { result, prompts } = await runTaskType(task, { text: 'hello' }, { answer: 'bonjour' })
 */
export async function runTaskType<Input, Output, Sent>(
  task: TaskDefinition<Input, Output, Sent>,
  input: NoInfer<Sent>,
  {
    answer = '',
    complete,
    generate: ask,
    modelName = MODEL,
    heavy,
    uploads = {},
    signal = new AbortController().signal,
    attempt = 1,
    cleanUp = async () => ({ tasks: 0, uploads: 0, objects: 0, failed: 0, isComplete: true }),
  }: RunTaskTypeSettings = {},
): Promise<RunTaskTypeResult<Output>> {
  const prompts: string[] = []
  const progressReports: { percent: number; message: string | undefined }[] = []
  const logged: { message: string }[] = []
  const slept: number[] = []
  const stepped: string[] = []
  const mails: Mail[] = []
  const written: RunTaskTypeResult<Output>['written'][number][] = []
  let streamed = ''
  const step = async <Value>(name: string, run: () => Value | Promise<Value>): Promise<Value> => {
    stepped.push(name)
    // As JSON, as it would be stored.
    return (JSON.parse(JSON.stringify({ value: await run() })) as { value: Value }).value
  }
  const progress = (percent: number, message?: string) => void progressReports.push({ percent, message })
  const generate = async (call: ModelCall): Promise<ModelReply> => {
    const { prompt, messages, system, onDelta } = call
    const asked = prompt ?? (messages ?? []).map(textOf).join('\n')
    prompts.push(asked)
    if (ask) return ask(call)
    const text = complete
      ? await complete({ prompt: asked, ...(system === undefined ? {} : { system }) })
      : answer
    const half = Math.ceil(text.length / 2)
    onDelta?.(text.slice(0, half))
    onDelta?.(text.slice(half))
    const usage = { inputTokens: null, outputTokens: null, cachedTokens: null, reasoningTokens: null }
    return { text, usage, finishReason: 'stop', isTruncated: false, model: modelName, provider: 'test' }
  }
  const result = await task.run({
    input: await task.input.parseAsync(input),
    taskId: 'task-1',
    attempt,
    signal,
    model: { name: modelName, generate, complete: async (call) => (await generate(call)).text },
    files: filesIn(uploads, written),
    mail: {
      send: async (mail) => {
        mails.push(mail)
        return { messageId: `mail-${mails.length}` }
      },
    },
    upkeep: { cleanUp },
    progress,
    stream: {
      write: (text) => {
        streamed += text
      },
      restart: () => {
        streamed = ''
      },
    },
    step,
    heavy: heavyIn(heavy),
    map: async (items, run, { name, progress: [from, to] = [0, 100] }) => {
      const values = []
      for (const [index, item] of items.entries()) {
        const label = `${name} ${index + 1} of ${items.length}`
        values.push(await step(label, () => run(item, index)))
        progress(from + ((index + 1) / items.length) * (to - from), label)
      }
      return values
    },
    log: (message, fields) => void logged.push({ ...fields, message }),
    sleep: async (ms) => void slept.push(ms),
  })
  return {
    result: task.output.parse(result),
    prompts,
    progressReports,
    logged,
    slept,
    stepped,
    streamed,
    written,
    mails,
  }
}

const filesIn = (
  uploads: NonNullable<RunTaskTypeSettings['uploads']>,
  written: { readonly name: string; readonly contentType: string; readonly bytes: Uint8Array }[],
): TaskFiles => {
  const find = (ref: UploadRef | FileRef) => {
    const found =
      'upload' in ref ? uploads[ref.upload] : written.find((_, index) => ref.file === `file-${index}`)
    if (!found) throw new TaskError('The file has been deleted.', { code: 'upload_missing' })
    return found
  }
  return {
    read: async (ref) => {
      const { bytes, name = null } = find(ref)
      return { bytes, name, mediaType: detectMediaType(bytes) }
    },
    write: async (file) => {
      written.push(file)
      return {
        file: `file-${written.length - 1}`,
        name: file.name,
        content_type: file.contentType,
        bytes: file.bytes.byteLength,
      }
    },
    url: async (ref) => {
      find(ref)
      return `https://files.example/${'upload' in ref ? ref.upload : ref.file}`
    },
  }
}

const heavyIn =
  (module: Readonly<Record<string, unknown>> | undefined): TaskContext<unknown>['heavy'] =>
  async (name, input) => {
    const [folder = '', exported = ''] = name.split('/')
    // The path is a variable, so that no bundle contains these modules.
    const place = new URL(`../../tasks/${folder}/heavy.ts`, import.meta.url).href
    const work = (module ?? ((await import(place)) as Readonly<Record<string, unknown>>))[exported]
    if (typeof work !== 'function')
      throw new Error(`functions/tasks/${folder}/heavy.ts exports no function "${exported}".`)
    return work(typeof input === 'function' ? await (input as () => Promise<unknown>)() : input)
  }
