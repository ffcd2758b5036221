/** Types of every operation, derived from the route declarations; nothing is loaded at run time. */
import type * as z from 'zod'
import type { AnswerShape, BodyShape } from '../../functions/api/define-route.ts'
import type { Routes } from '../../functions/api/routes.gen.ts'
import type { TaskTypes } from '../../functions/tasks/registry.gen.ts'

export type Operation = keyof Routes
export type TaskType = keyof TaskTypes

type Part<Name extends Operation, Key extends 'params' | 'query' | 'headers'> = NonNullable<Routes[Name][Key]>
type BodyOf<Name extends Operation> =
  NonNullable<Routes[Name]['body']> extends BodyShape<infer Schema, unknown> ? z.input<Schema> : never

/** Fields of the query string; numbers and booleans are written as text. */
type QueryOf<Schema> = Schema extends z.ZodType
  ? { readonly [Key in keyof z.output<Schema>]?: z.output<Schema>[Key] | undefined }
  : never

export interface Call<Name extends Operation> {
  readonly params?: Part<Name, 'params'> extends z.ZodType ? z.input<Part<Name, 'params'>> : never
  readonly query?: QueryOf<Part<Name, 'query'>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyOf<Name>
  readonly signal?: AbortSignal | undefined
}

type AnswersOf<Name extends Operation> = Routes[Name]['answers']
type JsonOf<Shape> = Shape extends AnswerShape & { readonly schema: infer Schema extends z.ZodType }
  ? z.output<Schema>
  : undefined

/** The JSON of a successful answer. */
export type Json<Name extends Operation> = {
  [Status in keyof AnswersOf<Name>]: Status extends 200 | 201 | 202 ? JsonOf<AnswersOf<Name>[Status]> : never
}[keyof AnswersOf<Name>]

export interface Answer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

export type Task = Json<'getTask'>
export type Status = Task['status']
export type TaskPage = Json<'listTasks'>
export type Queues = Json<'listQueues'>
export type Queue = Queues['queues'][number]
export type Redrive = Json<'redriveQueue'>
export type Explanation = Json<'explainTask'>
export type Stats = Json<'getStats'>
export type Usage = Json<'getUsage'>
export type Health = Json<'getHealth'>
export type TaskTypeList = Json<'listTaskTypes'>

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

/** A type's input as a caller sends it: fields with a default may be missing. */
export type InputOf<Name extends TaskType> = z.input<TaskTypes[Name]['input']>
export type ResultOf<Name extends TaskType> = z.output<TaskTypes[Name]['output']>

/** A task of a known type; its result is null until it is COMPLETED. */
export type TaskOf<Name extends TaskType> = Omit<Task, 'type' | 'result'> & {
  readonly type: Name
  readonly result: ResultOf<Name> | null
}

export interface SubmitOptions {
  readonly model?: string
  /** 0 to 10; 8 and above use the urgent lane. */
  readonly priority?: number
  readonly delay_seconds?: number
  /** RFC 3339 with a time zone. */
  readonly run_at?: string
  /** RFC 3339 with a time zone: when the result is needed. */
  readonly deadline?: string
  readonly expires_in_seconds?: number
  readonly timeout_seconds?: number
  readonly max_attempts?: number
  readonly tags?: readonly string[]
}

export interface SendOptions {
  /** When left out, the client creates one, so that its own repetitions make one task. */
  readonly idempotencyKey?: string
  /** W3C Trace Context. */
  readonly traceparent?: string
  readonly signal?: AbortSignal
}

// A copy, because importing the schema's list would load zod for eight words.
export const STATUSES = [
  'SCHEDULED',
  'PENDING',
  'PROCESSING',
  'RETRYING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const satisfies readonly Status[]

export const isFinal = (status: Status): boolean =>
  status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED' || status === 'EXPIRED'

/** The body of a webhook, as `verifyWebhook` returns it. */
export interface TaskWebhook {
  readonly type: `task.${'started' | 'completed' | 'failed' | 'cancelled' | 'expired'}`
  readonly timestamp: string
  /** The task without its input; when the task has changed since, only the fields of the event. */
  readonly data: Pick<Task, 'id' | 'task_id' | 'status'> &
    Partial<Task> & { readonly is_result_omitted?: boolean }
}
/** An event of a task, as `tasks.events` yields it. */
export type TaskEvent = {
  /** Id of the event; watching can continue after it. */
  readonly id: string
} & (
  | {
      readonly event: 'status'
      readonly data: Pick<Task, 'id' | 'status' | 'epoch' | 'max_attempts' | 'updated_at'> & {
        readonly attempt: number
      }
    }
  | { readonly event: 'progress'; readonly data: NonNullable<Task['progress']> }
  | { readonly event: 'step'; readonly data: Task['steps'][number] }
  /** A piece of the result's text. Offset 0 starts the text again, e.g. after a crash. */
  | {
      readonly event: 'text-delta'
      readonly data: { readonly attempt: number; readonly offset: number; readonly text: string }
    }
  | { readonly event: 'end'; readonly data: Task }
)
