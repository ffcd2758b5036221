import type * as z from 'zod'
import { LANES, type Lane } from '../../contract.ts'
import { nearestName } from '../domain/nearest-name.ts'
import type { Spending } from '../domain/worst-cost.ts'
import type { Mail } from '../ports/mailer.ts'
import type { ModelAnswer, ModelMessage, ModelRequest } from '../ports/model-provider.ts'
import type { CleanedUp } from '../ports/upkeep.ts'

/** What a type may say it needs; rights, environment and the fields of the context follow from it. */
export type Need = keyof Powers

/** What a context has only where the type's `needs` say so. */
export interface Powers {
  readonly model: ModelClient
  readonly files: TaskFiles
  readonly mail: TaskMail
  readonly upkeep: StageUpkeep
}

/** Everything one attempt may use. */
export type TaskContext<Input, Needs extends Need = Need> = BaseContext<Input> & Pick<Powers, Needs>

export interface BaseContext<Input> {
  readonly input: Input
  readonly taskId: string
  /** 1 for the first try. */
  readonly attempt: number
  /** Fires at the soft time limit and when the task is cancelled; pass it on to whatever waits. */
  readonly signal: AbortSignal
  /**
   * A checkpoint: what `run` gives is kept before the next line runs, and an attempt that comes after a crash, a
   * time-out or a retry by hand gets the kept value without running it. The value is JSON. Kept by name and inputs: name
   * in `inputs` whatever the value depends on and the name does not say. A step inside a step is kept, too.
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
   * Runs every item as a step of its own, `concurrency` (4) side by side, and tells one progress for all of them.
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
   * Runs an exported function of the type's `heavy.ts` in a thread of its own: reading a large file must not keep the
   * heartbeats of the batch waiting, nor take its memory. Input and output are copied. One at a time.
   *
   * A function in place of the input is called when the thread is free: of ten tasks that wait with files of 100 MB,
   * one has its bytes in memory.
   *
   * @example
   * const rows = await heavy<typeof import('./heavy.ts').readRows>('table-read/readRows', { bytes })
   */
  readonly heavy: <Work extends (input: never) => unknown>(
    name: string,
    input: Parameters<Work>[0] | (() => Promise<Parameters<Work>[0]>),
  ) => Promise<Awaited<ReturnType<Work>>>
  /** Cheap to call often: what is told is written at most about once a second. */
  readonly progress: (percent: number, message?: string) => void
  /**
   * The result's text as it comes, for those who watch the task's events; all pieces together are the result. `restart`
   * takes back what was written. Costs nothing while nobody watches.
   *
   * @example
   * await model.complete({ prompt, onDelta: stream.write, onRestart: stream.restart })
   */
  readonly stream: { readonly write: (text: string) => void; readonly restart: () => void }
  /**
   * Writes a line that `taskrunner logs --task <id>` and the console's task page find; `console.*` does the same with
   * its own level. Never a prompt, a result or a key: logs are read by more people than tasks.
   */
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Resolves after the time; rejects with the signal's reason when that fires first. */
  readonly sleep: (ms: number) => Promise<void>
}

/** A file of the caller, as an input refers to it: `{"upload": id}` of `POST /uploads`. */
export interface UploadRef {
  readonly upload: string
}

/** A file that the task made. In a result it comes back to the caller with a `url` that works for an hour. */
export interface FileRef {
  readonly file: string
  readonly name: string
  readonly content_type: string
  readonly bytes: number
}

/** Reads and writes whole files, up to 100 MB each. */
export interface TaskFiles {
  /**
   * @throws TaskError `upload_missing` for one that is gone.
   * @example
   * const { bytes, mediaType } = await files.read(input.file)
   */
  read(file: UploadRef | FileRef): Promise<{
    readonly bytes: Uint8Array
    readonly name: string | null
    /** By its bytes, whatever its name says. */
    readonly mediaType: string
  }>
  /**
   * Writing the same bytes under the same name again is harmless, so that a retry leaves no second copy.
   *
   * @example
   * return { picture: await files.write({ name: 'small.png', contentType: 'image/png', bytes }) }
   */
  write(file: {
    readonly name: string
    readonly contentType: string
    readonly bytes: Uint8Array
  }): Promise<FileRef>
  /** An address that works for an hour, for a provider that fetches a file itself. Whoever has it may read it. */
  url(file: UploadRef | FileRef): Promise<string>
}

/** Work over all tenants, done by the stage's own functions. A type that needs it is submitted by the stage alone. */
export interface StageUpkeep {
  /**
   * Deletes what its retention is over for, for about two minutes; call it until it is complete.
   *
   * @throws TaskError `cleanup_failed`, worth another attempt.
   */
  cleanUp(signal: AbortSignal): Promise<CleanedUp>
}

/** Sends mail from the stage's address. */
export interface TaskMail {
  /**
   * At most once for each `name` ("mail") in a task's life, over all its attempts: a second call gets the first one's
   * answer. Of a mail in whose sending an attempt died it says that it does not know.
   *
   * @throws TaskError `delivery_unknown`, `mail_refused`; `mail_deferred`, worth another attempt.
   * @example
   * const { messageId } = await mail.send({ to: ['ada@example.com'], subject: 'Done', text })
   */
  send(mail: Mail, options?: { readonly name?: string }): Promise<{ readonly messageId: string }>
}

/** Calls the model the task asked for (or the stage's default) and books what it used. */
export interface ModelClient {
  /** The model's name as the task resolved it. */
  readonly name: string
  /**
   * @returns the whole text.
   * @throws ProviderError; let it pass: the runner decides about the retry.
   */
  complete(call: ModelCall): Promise<string>
  /** Like `complete`, and tells how the answer ended, who gave it and what it used. */
  generate(call: ModelCall): Promise<ModelReply>
}

/** One call: a `prompt`, or `messages` for a conversation or images. */
export type ModelCall = (
  | { readonly prompt: string; readonly messages?: undefined }
  | { readonly messages: readonly ModelMessage[]; readonly prompt?: undefined }
) &
  Pick<ModelRequest, 'system' | 'temperature' | 'maxTokens' | 'stop' | 'json'> & {
    /**
     * In place of the task's own model. Of several, the next is asked when one is down, paused or unknown; never after a
     * refusal.
     */
    readonly model?: string | readonly string[]
    /** Fail with `answer_truncated`, never retried, when the answer was cut at a limit of tokens. */
    readonly failOnTruncation?: boolean
    /**
     * Identical calls of one tenant that are under way at the same time are made once: each task has the answer, the one
     * that made the call pays. With `reuseSeconds` an answer of before is taken, too, if it is no older and was asked for
     * in the same way. Whoever shares gets the text in one piece.
     */
    readonly share?: boolean | { readonly reuseSeconds: number }
    readonly onDelta?: (text: string) => void
    /** What `onDelta` has given is void: another model of the list begins its answer. */
    readonly onRestart?: () => void
  }

export interface ModelReply extends ModelAnswer {
  readonly isTruncated: boolean
  /** The model that answered. */
  readonly model: string
  readonly provider: string
}

export interface RetryPolicy {
  /** First try included. Default 4, at most 10. */
  readonly maxAttempts: number
  /** First backoff. Default 2,000. */
  readonly baseMs: number
  /** Longest backoff, unless a provider asks for more. Default 60,000. */
  readonly capMs: number
}

/** @typeParam Sent what a caller sends: fields with a default may be missing. */
export interface TaskDefinition<Input = unknown, Output = unknown, Sent = unknown> {
  /** `noun.verb`; written out, so that moving the folder does not lose queued work. */
  readonly name: string
  /** One sentence for the docs page. */
  readonly summary: string
  readonly version: number
  readonly lane: Lane
  readonly needs: readonly Need[]
  /** True when it needs the model; `model` is then validated and defaulted. */
  readonly usesModel: boolean
  /** Media types, by the bytes, that an upload in the input may have; others are refused at submit. */
  readonly accepts?: readonly string[]
  readonly input: z.ZodType<Input, Sent>
  readonly output: z.ZodType<Output>
  readonly retry: RetryPolicy
  readonly limits: {
    /** Soft limit of one attempt; also the most a caller may ask for. Default 240,000. */
    readonly timeoutMs: number
    /**
     * The most all attempts of a task may spend on models, unless its caller says another sum; a call that could pass it
     * fails the task. Needed by a tenant with a budget where `spends` is left out.
     */
    readonly maxCostUsd?: number | undefined
  }
  /**
   * What one attempt sends to its models and gets at most, where the input tells: a budget then holds no more than that.
   *
   * @example
   * spends: ({ text }) => ({ textBytes: Buffer.byteLength(text) + 500, outputTokens: 300 })
   */
  spends?(input: Input): Spending
  readonly run: (context: TaskContext<Input>) => Promise<Output>
}

/** What an author writes: names, shapes and `run`; the rest has defaults. */
export type TaskDeclaration<Input, Output, Sent, Needs extends Need> = Pick<
  TaskDefinition<Input, Output, Sent>,
  'name' | 'summary' | 'version' | 'lane' | 'input' | 'output' | 'accepts' | 'spends'
> & {
  /** Held to what the schemas say. */
  readonly run: (context: TaskContext<NoInfer<Input>, NoInfer<Needs>>) => Promise<NoInfer<Output>>
  /** What `run` works with beside the input: `model`, `files`, `mail`, `upkeep`. */
  readonly needs?: readonly Needs[]
  readonly retry?: Partial<RetryPolicy>
  readonly limits?: Partial<TaskDefinition['limits']>
}

const NEEDS: readonly Need[] = ['model', 'files', 'mail', 'upkeep']
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/**
 * Declares a task type. Put it in `functions/tasks/<name>/task.ts` as the default export; the folder is the
 * registration.
 *
 * @throws Error at load when the name is not `noun.verb`, there is no such lane, or a limit is out of bounds.
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
export function defineTask<Input, Output, Sent, const Needs extends Need = never>(
  declaration: TaskDeclaration<Input, Output, Sent, Needs>,
): TaskDefinition<Input, Output, Sent> {
  const { name, lane } = declaration
  if (!NAME.test(name))
    throw new Error(`Task type "${name}" must be named noun.verb, in lower case, e.g. "text.translate".`)
  // The types say so too, but `npm run dev` loads what does not compile.
  if (!LANES.includes(lane))
    throw new Error(
      `Task type "${name}": there is no lane "${lane}". Nearest: "${nearestName(lane, LANES)}". Lanes: ${LANES.join(', ')}.`,
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
  const needs: readonly Need[] = declaration.needs ?? []
  const unknown = needs.find((need) => !NEEDS.includes(need))
  if (unknown !== undefined)
    throw new Error(
      `Task type "${name}": there is nothing called "${unknown}" to need. Nearest: "${nearestName(unknown, NEEDS)}". Known: ${NEEDS.join(', ')}.`,
    )
  return { ...declaration, needs, usesModel: needs.includes('model'), retry, limits }
}
