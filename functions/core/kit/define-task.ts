import type * as z from 'zod'
import { LANES, type Lane } from '../../contract.ts'
import { nearestText } from '../domain/nearest-name.ts'
import type { Spending } from '../domain/worst-cost.ts'
import type { Mail } from '../ports/mailer.ts'
import type { ModelAnswer, ModelMessage, ModelRequest } from '../ports/model-provider.ts'
import type { CleanedUp } from '../ports/upkeep.ts'

/** Capabilities that a type can request; its permissions, environment and the fields of its context follow from them. */
export type Capability = keyof ContextFields

/** Fields that a context has only when the type's `needs` names them. */
export interface ContextFields {
  readonly model: ModelClient
  readonly files: TaskFiles
  readonly mail: TaskMail
  readonly upkeep: StageUpkeep
}

/** Everything that one attempt can use. */
export type TaskContext<Input, Needs extends Capability = Capability> = BaseContext<Input> &
  Pick<ContextFields, Needs>

export interface BaseContext<Input> {
  readonly input: Input
  readonly taskId: string
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Fires at the time limit and when the task is cancelled; pass it on to everything that waits. */
  readonly signal: AbortSignal
  /**
   * A checkpoint: the result of `run` is stored before the next line runs, and an attempt after a crash, a time-out or a
   * retry by hand gets the stored value without running it again. The value must be JSON. It is identified by name and inputs: put
   * into `inputs` everything that the value depends on and that the name does not say. Steps can be nested.
   *
   * @example
   * const summary = await step('summary', () => model.complete({ prompt }), { inputs: prompt })
   */
  readonly step: <Value>(
    name: string,
    run: () => Value | Promise<Value>,
    options?: { readonly inputs?: unknown },
  ) => Promise<Value>
  /**
   * Runs each item as a step of its own, `concurrency` (4) at a time, and reports one progress for all of them.
   *
   * @example
   * const notes = await map(parts, (part) => model.complete({ prompt: part }), { name: 'part', progress: [10, 80] })
   */
  readonly map: <Item, Value>(
    items: readonly Item[],
    run: (item: Item, index: number) => Promise<Value>,
    options: {
      readonly name: string
      readonly concurrency?: number
      readonly progress?: readonly [from: number, to: number]
    },
  ) => Promise<Value[]>
  /**
   * Runs an exported function of the type's `heavy.ts` in a separate thread, so that reading a large file neither delays the
   * heartbeats of the other tasks nor uses their memory. Input and output are copied. One call runs at a time.
   *
   * A function given as input is called when the thread is free: of ten tasks that wait with files of 100 MB, only one has
   * its bytes in memory.
   *
   * @example
   * const rows = await heavy<typeof import('./heavy.ts').readRows>('table-read/readRows', { bytes })
   */
  readonly heavy: <Work extends (input: never) => unknown>(
    name: string,
    input: Parameters<Work>[0] | (() => Promise<Parameters<Work>[0]>),
  ) => Promise<Awaited<ReturnType<Work>>>
  /** May be called often: progress is written at most about once a second. */
  readonly progress: (percent: number, message?: string) => void
  /**
   * Streams the result's text to clients that watch the task's events; all pieces together must be the result. `restart`
   * discards the text so far. Costs nothing while no client watches.
   *
   * @example
   * await model.complete({ prompt, onDelta: stream.write, onRestart: stream.restart })
   */
  readonly stream: { readonly write: (text: string) => void; readonly restart: () => void }
  /**
   * Writes a log line, which `taskrunner logs --task <id>` and the console's task page show; `console.*` does the same with its
   * own level. Do not log a prompt, a result or a key: more people can read logs than tasks.
   */
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Resolves after the time; rejects with the signal's reason when the signal fires first. */
  readonly sleep: (ms: number) => Promise<void>
}

/** A caller's file, as an input refers to it: `{"upload": id}` of `POST /uploads`. */
export interface UploadRef {
  readonly upload: string
}

/** A file that the task wrote. In the result that callers read it has a `url` that is valid for an hour. */
export interface FileRef {
  readonly file: string
  readonly name: string
  readonly content_type: string
  readonly bytes: number
}

/** Reads and writes whole files, up to 100 MB each. */
export interface TaskFiles {
  /**
   * @throws TaskError `upload_missing` for a deleted file.
   * @example
   * const { bytes, mediaType } = await files.read(input.file)
   */
  read(file: UploadRef | FileRef): Promise<{
    readonly bytes: Uint8Array
    readonly name: string | null
    /** Detected from its bytes, whatever its name is. */
    readonly mediaType: string
  }>
  /**
   * Writing the same bytes under the same name again is harmless, so that a retry makes no second copy.
   *
   * @example
   * return { picture: await files.write({ name: 'small.png', contentType: 'image/png', bytes }) }
   */
  write(file: {
    readonly name: string
    readonly contentType: string
    readonly bytes: Uint8Array
  }): Promise<FileRef>
  /** A URL that is valid for an hour, for a provider that downloads the file itself. Everybody who has it can read the file. */
  url(file: UploadRef | FileRef): Promise<string>
}

/** Work on all tenants, done by the stage's own functions. Only operators can submit a type that needs it. */
export interface StageUpkeep {
  /**
   * Deletes tasks and uploads whose retention is over, for about two minutes; call it until it is complete.
   *
   * @throws TaskError `cleanup_failed`, which may be retried.
   */
  cleanUp(signal: AbortSignal): Promise<CleanedUp>
}

/** Sends mail from the stage's address. */
export interface TaskMail {
  /**
   * Sends at most one mail for each `name` ("mail") of a task, over all its attempts: a second call returns the first one's
   * answer. When an attempt crashed during the send, later calls throw `delivery_unknown`.
   *
   * @throws TaskError `delivery_unknown`, `mail_refused`; `mail_deferred`, which may be retried.
   * @example
   * const { messageId } = await mail.send({ to: ['ada@example.com'], subject: 'Done', text })
   */
  send(mail: Mail, options?: { readonly name?: string }): Promise<{ readonly messageId: string }>
}

/** Calls the model that the task asked for (or the stage's default) and records the usage. */
export interface ModelClient {
  /** Name of the task's model. */
  readonly name: string
  /**
   * @returns the whole text.
   * @throws ProviderError; do not catch it: the worker decides about the retry.
   */
  complete(call: ModelCall): Promise<string>
  /** Like `complete`, and also returns how the answer ended, its model, its provider and its usage. */
  generate(call: ModelCall): Promise<ModelReply>
}

/** One call: a `prompt`, or `messages` for a conversation or images. */
export type ModelCall = (
  | { readonly prompt: string; readonly messages?: undefined }
  | { readonly messages: readonly ModelMessage[]; readonly prompt?: undefined }
) &
  Pick<ModelRequest, 'system' | 'temperature' | 'maxTokens' | 'stop' | 'json'> & {
    /**
     * Instead of the task's own model. In a list, the next model is called when one is unavailable, paused or unknown; never after
     * a refusal.
     */
    readonly model?: string | readonly string[]
    /** Fail with `answer_truncated`, never retried, when the answer ended at a token limit. */
    readonly failOnTruncation?: boolean
    /**
     * Makes equal calls of one tenant that run at the same time only once: each task gets the answer, and the one that made the
     * call pays. With `reuseSeconds` an earlier answer to the same request is used too, if it is not older than that. A shared
     * answer arrives in one piece.
     */
    readonly share?: boolean | { readonly reuseSeconds: number }
    readonly onDelta?: (text: string) => void
    /** Another model of the list starts its answer, so discard the text that `onDelta` has received. */
    readonly onRestart?: () => void
  }

export interface ModelReply extends ModelAnswer {
  readonly isTruncated: boolean
  /** The model that answered. */
  readonly model: string
  readonly provider: string
}

export interface RetryPolicy {
  /** First attempt included. Default 4, at most 10. */
  readonly maxAttempts: number
  /** First backoff. Default 2,000. */
  readonly baseMs: number
  /** Longest backoff, unless a provider asks for a longer one. Default 60,000. */
  readonly capMs: number
}

/** @typeParam Sent the input as callers send it: fields with a default may be missing. */
export interface TaskDefinition<Input = unknown, Output = unknown, Sent = unknown> {
  /** `noun.verb`; not derived from the folder, so that moving the folder does not lose queued tasks. */
  readonly name: string
  /** One sentence for the docs page. */
  readonly summary: string
  readonly version: number
  readonly lane: Lane
  readonly needs: readonly Capability[]
  /** True when it needs the model; then `model` is validated and has a default. */
  readonly usesModel: boolean
  /** Media types, detected from the bytes, that uploads in the input may have; others are refused at submit. */
  readonly accepts?: readonly string[]
  readonly input: z.ZodType<Input, Sent>
  readonly output: z.ZodType<Output>
  readonly retry: RetryPolicy
  readonly limits: {
    /** Time limit of one attempt; also the highest that a caller may ask for. Default 240,000. */
    readonly timeoutMs: number
    /**
     * The most that all attempts of a task may spend on models, unless its caller states another amount; a call that could exceed
     * it fails the task. Required for tenants with a budget when `spends` is left out.
     */
    readonly maxCostUsd?: number | undefined
  }
  /**
   * The most that one attempt sends to its models and receives, calculated from the input: a budget then reserves only that.
   *
   * @example
   * spends: ({ text }) => ({ textBytes: Buffer.byteLength(text) + 500, outputTokens: 300 })
   */
  spends?(input: Input): Spending
  readonly run: (context: TaskContext<Input>) => Promise<Output>
}

/** The argument of `defineTask`: names, shapes and `run`; everything else has defaults. */
export type TaskDeclaration<Input, Output, Sent, Needs extends Capability> = Pick<
  TaskDefinition<Input, Output, Sent>,
  'name' | 'summary' | 'version' | 'lane' | 'input' | 'output' | 'accepts' | 'spends'
> & {
  /** Its types are checked against the schemas. */
  readonly run: (context: TaskContext<NoInfer<Input>, NoInfer<Needs>>) => Promise<NoInfer<Output>>
  /** Capabilities that `run` uses: `model`, `files`, `mail`, `upkeep`. */
  readonly needs?: readonly Needs[]
  readonly retry?: Partial<RetryPolicy>
  readonly limits?: Partial<TaskDefinition['limits']>
}

const NEEDS: readonly Capability[] = ['model', 'files', 'mail', 'upkeep']
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/**
 * Declares a task type. Put it in `functions/tasks/<name>/task.ts` as the default export; no further registration is needed.
 *
 * @throws Error at load when the name is not `noun.verb`, the lane does not exist, or a limit is out of range.
 * @example
 * export default defineTask({
 *   name: 'text.translate',
 *   summary: 'Translates a text.',
 *   version: 1,
 *   lane: 'ai',
 *   needs: ['model'],
 *   input: z.object({ text: z.string().max(20_000), to: z.enum(['de', 'fr']) }),
 *   output: z.string(),
 *   run: async ({ input, model }) =>
 *     await model.complete({ system: `Translate to ${input.to}.`, prompt: input.text }),
 * })
 */
export function defineTask<Input, Output, Sent, const Needs extends Capability = never>(
  declaration: TaskDeclaration<Input, Output, Sent, Needs>,
): TaskDefinition<Input, Output, Sent> {
  const { name, lane } = declaration
  if (!NAME.test(name))
    throw new Error(`Task type "${name}" must be named noun.verb, in lower case, e.g. "text.translate".`)
  // The types say so too, but `npm run dev` also loads code that does not compile.
  if (!LANES.includes(lane))
    throw new Error(
      `Task type "${name}": there is no lane "${lane}".${nearestText(lane, LANES)} Lanes: ${LANES.join(', ')}.`,
    )
  const retry = { maxAttempts: 4, baseMs: 2_000, capMs: 60_000, ...declaration.retry }
  const limits = { timeoutMs: 240_000, ...declaration.limits }
  if (retry.maxAttempts < 1 || retry.maxAttempts > 10)
    throw new Error(`Task type "${name}": retry.maxAttempts must be 1 to 10, not ${retry.maxAttempts}.`)
  if (limits.timeoutMs < 1_000 || limits.timeoutMs > 840_000)
    throw new Error(
      `Task type "${name}": limits.timeoutMs must be 1,000 to 840,000, not ${limits.timeoutMs}.`,
    )
  if (limits.maxCostUsd !== undefined && !(limits.maxCostUsd > 0))
    throw new Error(`Task type "${name}": limits.maxCostUsd must be above 0, not ${limits.maxCostUsd}.`)
  const needs: readonly Capability[] = declaration.needs ?? []
  const unknown = needs.find((need) => !NEEDS.includes(need))
  if (unknown !== undefined)
    throw new Error(
      `Task type "${name}": there is nothing called "${unknown}" to need.${nearestText(unknown, NEEDS)} Known: ${NEEDS.join(', ')}.`,
    )
  return { ...declaration, needs, usesModel: needs.includes('model'), retry, limits }
}
