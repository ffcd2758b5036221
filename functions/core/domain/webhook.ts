/**
 * Webhooks: who receives a task's events, and how deliveries are retried. **Endpoint**: a URL that receives the events of all
 * tasks of a tenant. **Delivery**: one event for one URL; its row stays due until the event has arrived or is given up.
 */
import type { Progress, Status, Task, TaskKey } from './task.ts'

/** Events that a caller can choose. */
export const WEBHOOK_EVENTS = ['started', 'progress', 'completed', 'failed', 'cancelled', 'expired'] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** Without a choice: all events of a task's end. */
const DEFAULT_EVENTS: readonly WebhookEvent[] = ['completed', 'failed', 'cancelled', 'expired']

/** A webhook named in a task's submission. */
export interface Webhook {
  readonly url: string
  readonly events?: readonly WebhookEvent[] | undefined
}

export interface WebhookEndpoint extends Webhook {
  readonly id: string
  readonly createdAt: number
  /** When the receiver answered 410: it no longer exists. */
  readonly goneAt?: number
}

/** All endpoints of one tenant and the keys that sign its deliveries, in one row. */
export interface WebhookSettings {
  readonly tenant: string
  readonly endpoints: readonly WebhookEndpoint[]
  /** `whsec_` and 32 bytes in base64. */
  readonly secret: string
  /** The replaced secret signs as well until this instant, so that receivers can change over. */
  readonly previousSecret?: { readonly secret: string; readonly until: number }
  readonly version: number
}

export const MAX_ENDPOINTS = 20
export const SECRET_OVERLAP_MS = 24 * 3_600_000

export const DELIVERY_STATUSES = ['PENDING', 'DELIVERED', 'FAILED'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

export interface DeliveryAttempt {
  readonly at: number
  readonly ms: number
  /** HTTP status of the answer; absent without an answer. */
  readonly status?: number
  readonly error?: string
}

export interface Delivery extends TaskKey {
  readonly taskId: string
  readonly epoch: number
  readonly event: WebhookEvent
  /** The progress at the time of the event; the task's row may have changed since. */
  readonly progress?: Progress
  readonly url: string
  /** Absent where the submission named the URL. */
  readonly endpoint?: string
  readonly status: DeliveryStatus
  readonly occurredAt: number
  readonly createdAt: number
  /** Tries since it was created or last resent by hand. */
  readonly attempts: number
  /** The latest tries, oldest first. */
  readonly log: readonly DeliveryAttempt[]
  /** Time of the next try; absent when there is none. */
  readonly nextAt?: number
  /** A worker is sending it until this time. */
  readonly leaseUntil?: number
  /** When the sweeper must check it. */
  readonly dueAt?: number
  /** Seconds since 1970. */
  readonly ttl: number
  readonly version: number
}

/** Tries kept in the row: more than one delivery can have. */
const LOG_LENGTH = 12
/** Ten waits of 23.7 hours in total, so that a receiver may be down overnight. */
const WAITS_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800] as const
/** Few, because old progress is of no use. */
const PROGRESS_TRIES = 2
/** The longest wait that a receiver can ask for. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000
/** A send takes at most 15 s. When its worker crashed, another one sends after this time. */
export const DELIVERY_LEASE_MS = 30_000
/** Time after the planned message at which the sweeper checks whether the message was lost. */
const LOST_MESSAGE_MS = 90_000
export const DELIVERY_DAYS = 7

export const endEventOf = (status: Status): WebhookEvent | undefined =>
  DEFAULT_EVENTS.find((event) => event === status.toLowerCase())

export const includesEvent = ({ events }: Pick<Webhook, 'events'>, event: WebhookEvent): boolean =>
  (events ?? DEFAULT_EVENTS).includes(event)

/** Whether any URL may receive the event, decided from the task's row alone. */
export const mayHaveReceivers = (
  task: Pick<Task, 'webhook' | 'hasEndpoints'>,
  event: WebhookEvent | undefined,
): boolean =>
  event !== undefined &&
  (task.hasEndpoints === true || (task.webhook !== undefined && includesEvent(task.webhook, event)))

/** The text from which a delivery's id is derived. Starts with a character that no Idempotency-Key may contain. */
export const deliveryKey = (
  { taskId, epoch, event, occurredAt }: Pick<Delivery, 'taskId' | 'epoch' | 'event' | 'occurredAt'>,
  endpoint = '',
): string =>
  `\u0000webhook/${taskId}/${epoch}/${event}${event === 'progress' ? `@${occurredAt}` : ''}/${endpoint}`

export type SendOutcome =
  | { readonly status: number; readonly ms: number; readonly retryAfterMs?: number }
  /** `isFinal`: no later try can succeed, e.g. because the URL leads to a private address. */
  | { readonly error: string; readonly ms: number; readonly isFinal?: true }

/** The delivery after a try: delivered, given up, or due for the next try. */
export function afterAttempt(
  delivery: Delivery,
  outcome: SendOutcome,
  at: number,
  now: number,
  random: number,
): Delivery {
  const { nextAt: _next, leaseUntil: _lease, dueAt: _due, ...rest } = delivery
  const attempts = delivery.attempts + 1
  const isDelivered = 'status' in outcome && outcome.status >= 200 && outcome.status < 300
  const error = isDelivered ? undefined : 'error' in outcome ? outcome.error : refusalOf(outcome.status)
  const entry: DeliveryAttempt = {
    at,
    ms: outcome.ms,
    ...('status' in outcome ? { status: outcome.status } : {}),
    ...(error === undefined ? {} : { error }),
  }
  const tried = { ...rest, attempts, log: [...delivery.log, entry].slice(-LOG_LENGTH) }
  if (isDelivered) return { ...tried, status: 'DELIVERED' }
  const isFinal = 'error' in outcome ? outcome.isFinal === true : outcome.status === 410
  const mayWait = delivery.event !== 'progress' || attempts < PROGRESS_TRIES
  const waitSeconds = mayWait ? WAITS_SECONDS[attempts - 1] : undefined
  if (isFinal || waitSeconds === undefined) return { ...tried, status: 'FAILED' }
  // Shortened by up to 20 % at random, so that thousands that failed together are not retried together.
  const waitMs = waitSeconds * 1_000 * (0.8 + 0.2 * random)
  const requestedMs = 'status' in outcome ? Math.min(outcome.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) : 0
  return {
    ...tried,
    status: 'PENDING',
    ...nextAttemptFields(now + Math.round(Math.max(waitMs, requestedMs)), now),
  }
}

const refusalOf = (status: number): string => {
  if (status >= 300 && status < 400) return 'redirects are not followed'
  return status === 410 ? 'gone' : 'no 2xx'
}

/** The longest delay of an SQS message, 15 minutes; longer waits are left to the sweeper. */
export const MESSAGE_WAIT_MS = 900_000

/** When a delivery is tried next, and when the sweeper must check it. */
export const nextAttemptFields = (nextAt: number, now: number): Pick<Delivery, 'nextAt' | 'dueAt'> => ({
  nextAt,
  dueAt: nextAt - now <= MESSAGE_WAIT_MS ? nextAt + LOST_MESSAGE_MS : nextAt,
})
