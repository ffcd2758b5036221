/**
 * The typed client, derived from the route declarations: for browsers, Node, Deno and Bun.
 *
 * @example
 * const client = createClient({ url: 'http://localhost:3000' })
 * const { id } = await client.tasks.submit('text.generate', { prompt: 'What is a queue?' })
 * const { result } = await client.tasks.wait<'text.generate'>(id)
 */
import { readEvents } from './events.ts'
import { ApiError, type ClientOptions, pause, Transport, UnreachableError } from './transport.ts'
import {
  type Answer,
  type Call,
  type InputOf,
  isFinal,
  type Json,
  type Operation,
  type ResultOf,
  type SendOptions,
  type SubmitOptions,
  type Task,
  type TaskEvent,
  type TaskOf,
  type TaskType,
} from './types.ts'

export { ApiError, UnreachableError }

export interface WaitOptions {
  /** When left out, there is no time limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Called with the task after every change. */
  readonly onChange?: (task: Task) => void
}

export interface WatchOptions {
  /** Id of the last received event: continue after it. */
  readonly after?: string
  readonly signal?: AbortSignal
}

/** The time limit of `wait` was reached before the task ended. */
export class StillRunningError extends Error {
  readonly task: Task

  constructor(task: Task) {
    super(`Task ${task.id} is still ${task.status}.`)
    this.name = 'StillRunningError'
    this.task = task
  }
}

/** A task of `run` ended without a result. */
export class TaskFailedError extends Error {
  readonly task: Task

  constructor(task: Task) {
    super(`Task ${task.id} is ${task.status}${task.error ? `: ${task.error.message}` : '.'}`)
    this.name = 'TaskFailedError'
    this.task = task
  }
}

/** Wait of one call; the stage's limit is 25 s. */
const WAIT_SECONDS = 20
/** When the stage has no free place to wait, the client polls at growing intervals. */
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 2_000

export type Client = ReturnType<typeof createClient>

export function createClient(options: ClientOptions) {
  const transport = new Transport(options)
  const json = async <Name extends Operation>(name: Name, call: Call<Name> = {}): Promise<Json<Name>> =>
    (await transport.call(name, call)).body

  /** Submits any body of `POST /tasks`; after failures it is sent again, which still makes one task. */
  const submitBody = async (
    body: object,
    { idempotencyKey = newKey(), traceparent, signal }: SendOptions = {},
  ): Promise<Task> => {
    const headers = { 'idempotency-key': idempotencyKey, ...(traceparent ? { traceparent } : {}) }
    return json('submitTask', { body: body as never, headers, signal })
  }

  const submit = async <Name extends TaskType>(
    type: Name,
    input: InputOf<Name>,
    options: SubmitOptions = {},
    send: SendOptions = {},
  ): Promise<TaskOf<Name>> => (await submitBody({ ...options, type, input }, send)) as TaskOf<Name>

  const wait = async <Name extends TaskType>(
    id: string,
    { timeoutMs = Number.POSITIVE_INFINITY, signal, onChange }: WaitOptions = {},
  ): Promise<TaskOf<Name>> => {
    const end = Date.now() + timeoutMs
    let etag: string | null = null
    let task: Task | undefined
    for (let pauseMs = FIRST_PAUSE_MS; ; ) {
      const leftSeconds = Math.floor((end - Date.now()) / 1_000)
      // The first call returns at once; later ones wait at the stage until the task changes.
      const seconds: number = etag === null ? 0 : Math.max(0, Math.min(WAIT_SECONDS, leftSeconds))
      const headers: Record<string, string> = etag ? { 'if-none-match': etag } : {}
      const query: Call<'getTask'>['query'] = seconds > 0 ? { wait: seconds } : {}
      const answer: Answer<Task> = await transport.call('getTask', { params: { id }, query, headers, signal })
      if (answer.status !== 304) {
        task = answer.body
        etag = answer.headers.get('etag')
        onChange?.(task)
      }
      if (task && isFinal(task.status)) return task as TaskOf<Name>
      if (task && Date.now() + pauseMs > end) throw new StillRunningError(task)
      if (seconds > 0 && !answer.headers.has('retry-after')) continue
      // No place to wait is free at the stage.
      if (seconds > 0 || etag === null || leftSeconds < 1) await pause(pauseMs, signal)
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 1.5)
    }
  }

  async function* events(id: string, { after, signal }: WatchOptions = {}): AsyncGenerator<TaskEvent> {
    let last = after
    let retryMs = 1_000
    for (;;) {
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last }
      const answer = await transport.open('watchTask', { params: { id }, headers, signal })
      if (answer.status === 204 || !answer.body) return
      try {
        for await (const { id: eventId, event, data } of readEvents(answer.body, (ms) => (retryMs = ms))) {
          last = eventId
          yield { id: eventId, event, data: JSON.parse(data) } as TaskEvent
          if (event === 'end') return
        }
      } catch (error) {
        // The connection was lost; missed events are sent again.
        if (signal?.aborted || error instanceof SyntaxError) throw signal?.reason ?? error
      }
      await pause(retryMs, signal)
    }
  }

  return {
    /** Calls any operation by its name, and returns status and headers too. */
    call: transport.call.bind(transport) as Transport['call'],
    base: transport.base,
    tasks: {
      submit,
      submitBody,
      wait,
      /** The events of a task until its end; reconnects when the connection is lost. */
      events,
      /** Submits, waits and returns the result. @throws TaskFailedError when there is none. */
      run: async <Name extends TaskType>(
        type: Name,
        input: InputOf<Name>,
        options: SubmitOptions = {},
        waiting: WaitOptions & SendOptions = {},
      ): Promise<ResultOf<Name>> => {
        const { id } = await submit(type, input, options, waiting)
        const task = await wait<Name>(id, waiting)
        if (task.status !== 'COMPLETED') throw new TaskFailedError(task)
        return task.result as ResultOf<Name>
      },
      get: (id: string) => json('getTask', { params: { id } }),
      list: (query: Call<'listTasks'>['query'] = {}) => json('listTasks', { query }),
      /** All matching tasks, page by page. */
      all: async function* (query: Call<'listTasks'>['query'] = {}) {
        let cursor: string | undefined
        do {
          const page: Json<'listTasks'> = await json('listTasks', { query: { ...query, cursor } })
          yield* page.tasks
          cursor = page.next_cursor ?? undefined
        } while (cursor !== undefined)
      },
      cancel: (id: string) => json('cancelTask', { params: { id } }),
      retry: (id: string) => json('retryTask', { params: { id } }),
      explain: (id: string) => json('explainTask', { params: { id } }),
      input: (id: string) => json('getTaskInput', { params: { id } }),
      result: (id: string) => json('getTaskResult', { params: { id } }),
    },
    queues: {
      list: () => json('listQueues'),
      redrive: (lane: string, body: Call<'redriveQueue'>['body'] = {}) =>
        json('redriveQueue', { params: { lane }, body }),
      pause: (lane: string) => json('pauseQueue', { params: { lane } }),
      resume: (lane: string) => json('resumeQueue', { params: { lane } }),
    },
    stats: (hours?: number) => json('getStats', { query: { hours } }),
    usage: (hours?: number) => json('getUsage', { query: { hours } }),
    taskTypes: () => json('listTaskTypes'),
    health: () => json('getHealth'),
  }
}

/** A random UUID; `crypto.randomUUID` does not exist on pages loaded by plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
