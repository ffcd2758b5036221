import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { toReadableMessage } from '../readable-message.ts'
import type { EventSourcePlan } from '../template/plan.ts'
import { type FunctionPool, NoEnvironmentError } from './function-pool.ts'

const MAX_RECEIVED = 10
const LONG_POLL_SECONDS = 20

/**
 * Most environments that load at once; Lambda adds them step by step as well. Meanwhile the running ones receive the
 * messages.
 */
const MAX_LOADING = 2

/** Tries to delete. A message that is not deleted is received again, which costs one read of its row. */
const DELETE_ROUNDS = 5
const DELETE_AGAIN_MS = 500

export interface EventSourceOptions {
  readonly plan: EventSourcePlan
  readonly queueUrl: string
  readonly region: string
  readonly pool: FunctionPool
  readonly sqs: SQSClient
  /** Whether it is on at the start; on by default. */
  readonly isOn?: boolean
  /** Called when a whole batch failed, and when a queue does not answer. */
  readonly warn: (text: string) => void
}

/**
 * Lambda's poller for a queue: receives batches, invokes the function for each, with the concurrency of the
 * template, and deletes the messages that the function does not report as failed.
 */
export class EventSource {
  readonly plan: EventSourcePlan
  readonly #options: EventSourceOptions
  readonly #abort = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  #loop: Promise<void> | undefined
  #isEnded = false
  #isOn: boolean

  constructor(options: EventSourceOptions) {
    this.plan = options.plan
    this.#options = options
    this.#isOn = options.isOn ?? true
  }

  get isOn(): boolean {
    return this.#isOn
  }

  get batchesInHand(): number {
    return this.#inFlight.size
  }

  start(): void {
    this.#loop = this.#poll()
  }

  /** When turned off, it ends with the present poll and returns the messages of that poll. Running batches continue. */
  turn(isOn: boolean): void {
    if (isOn === this.#isOn) return
    this.#isOn = isOn
    if (isOn) this.#loop = Promise.resolve(this.#loop).then(() => this.#poll())
  }

  /**
   * Ends with the present poll, up to 20 s, and returns the messages of that poll: the embedded SQS does not notice a closed
   * connection, and would deliver the next message to nobody. Running batches continue.
   */
  async retire(): Promise<void> {
    this.#isEnded = true
    await this.#loop
  }

  /** Ends at once, when the queues end too. */
  async stop(): Promise<void> {
    this.#isEnded = true
    this.#abort.abort()
    await this.#loop
  }

  async drained(): Promise<void> {
    await Promise.all(this.#inFlight)
  }

  get #isTaking(): boolean {
    return this.#isOn && !this.#isEnded
  }

  async #poll(): Promise<void> {
    const { plan, pool, warn } = this.#options
    while (this.#isTaking) {
      if (this.#inFlight.size >= plan.maxConcurrency) {
        await Promise.race(this.#inFlight)
        continue
      }
      const { loading } = pool
      if (loading.length >= MAX_LOADING) {
        await Promise.race(loading.map(({ hasLoaded }) => hasLoaded))
        continue
      }
      try {
        const messages = await this.#receive()
        if (messages.length === 0) continue
        const batch = this.#run(messages).finally(() => this.#inFlight.delete(batch))
        this.#inFlight.add(batch)
      } catch (cause) {
        if (this.#isEnded) return
        warn(`Queue ${plan.queueArn} does not answer: ${toReadableMessage(cause)}`)
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }

  /** One batch: the first messages received, and further ones within the batching window. */
  async #receive(): Promise<Message[]> {
    const { batchSize, windowMs } = this.#options.plan
    const messages = await this.#receiveOnce(Math.min(batchSize, MAX_RECEIVED), LONG_POLL_SECONDS)
    const end = Date.now() + windowMs
    while (messages.length > 0 && messages.length < batchSize && Date.now() < end) {
      const waitSeconds = Math.ceil((end - Date.now()) / 1_000)
      messages.push(
        ...(await this.#receiveOnce(Math.min(batchSize - messages.length, MAX_RECEIVED), waitSeconds)),
      )
    }
    return messages
  }

  async #receiveOnce(count: number, waitSeconds: number): Promise<Message[]> {
    const { sqs, queueUrl } = this.#options
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: count,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
      { abortSignal: this.#abort.signal },
    )
    if (this.#isTaking) return Messages
    await this.#release(Messages)
    return []
  }

  async #run(messages: readonly Message[]): Promise<void> {
    const { pool, warn, plan } = this.#options
    const batch = `a batch of ${messages.length}`
    let answer: unknown
    try {
      answer = await pool.invoke({ Records: messages.map((message) => this.#toRecord(message)) })
    } catch (cause) {
      warn(`${pool.plan.name} failed ${batch}: ${toReadableMessage(cause)}`)
      // No function has received them, so they are made visible again at once.
      if (cause instanceof NoEnvironmentError) await this.#release(messages).catch(() => undefined)
      return
    }
    const kept = plan.reportsFailures ? failuresOf(answer) : []
    if (kept === 'all')
      return warn(`${pool.plan.name} reported failures without a message id: the batch comes again`)
    const done = messages.filter(({ MessageId }) => !kept.includes(MessageId ?? ''))
    for (let round = 1; ; round += 1) {
      const failure = await this.#delete(done).then(
        () => undefined,
        (cause: unknown) => toReadableMessage(cause),
      )
      if (failure === undefined) return
      if (round === DELETE_ROUNDS || this.#isEnded)
        return warn(`${pool.plan.name} has run ${batch} that cannot be deleted and comes again: ${failure}`)
      await new Promise((resolve) => setTimeout(resolve, DELETE_AGAIN_MS * round))
    }
  }

  async #delete(messages: readonly Message[]): Promise<void> {
    const { sqs, queueUrl } = this.#options
    for (let index = 0; index < messages.length; index += 10)
      await sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: messages.slice(index, index + 10).map(({ MessageId, ReceiptHandle }) => ({
            Id: MessageId ?? '',
            ReceiptHandle: ReceiptHandle ?? '',
          })),
        }),
      )
  }

  async #release(messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return
    const { sqs, queueUrl } = this.#options
    const entries = messages.map(({ MessageId, ReceiptHandle }) => ({
      Id: MessageId ?? '',
      ReceiptHandle: ReceiptHandle ?? '',
      // Not 0: with state on disk, fauxqs 2.4.1 loses a message whose visibility timeout is set to 0.
      VisibilityTimeout: 1,
    }))
    await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries }))
  }

  #toRecord({
    MessageId,
    ReceiptHandle,
    Body,
    MD5OfBody,
    Attributes,
    MessageAttributes = {},
  }: Message): unknown {
    return {
      messageId: MessageId,
      receiptHandle: ReceiptHandle,
      body: Body,
      md5OfBody: MD5OfBody,
      attributes: Attributes ?? {},
      messageAttributes: Object.fromEntries(
        Object.entries(MessageAttributes).map(([name, { StringValue, DataType }]) => [
          name,
          { stringValue: StringValue, dataType: DataType, stringListValues: [], binaryListValues: [] },
        ]),
      ),
      eventSource: 'aws:sqs',
      eventSourceARN: this.#options.plan.queueArn,
      awsRegion: this.#options.region,
    }
  }
}

/** Ids of the failed messages; `all` for an answer that Lambda treats as a failed batch: an empty or missing id. */
function failuresOf(answer: unknown): string[] | 'all' {
  const failures = (answer as { batchItemFailures?: unknown } | null)?.batchItemFailures
  if (failures === undefined || failures === null) return []
  if (!Array.isArray(failures)) return 'all'
  const ids = failures.map((failure) => (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier)
  return ids.every((id): id is string => typeof id === 'string' && id !== '') ? ids : 'all'
}
