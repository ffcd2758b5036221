/**
 * Who is told of a task's end, and how often it is tried. **Endpoint**: a URL of a tenant that is told of all its tasks.
 * **Delivery**: one event on its way to one URL; a row that is due until it has arrived or is given up.
 */
import type { Progress, Status, Task, TaskKey } from './task.ts'

/** What a caller may ask to be told of. */
export const WEBHOOK_EVENTS = ['started', 'progress', 'completed', 'failed', 'cancelled', 'expired'] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** Who names no events is told of every end. */
const DEFAULT_EVENTS: readonly WebhookEvent[] = ['completed', 'failed', 'cancelled', 'expired']

/** What a task says of its own webhook. */
export interface Webhook {
  readonly url: string
  readonly events?: readonly WebhookEvent[] | undefined
}

export interface WebhookEndpoint extends Webhook {
  readonly id: string
  readonly createdAt: number
  /** Its receiver answered 410, which means that it is not there any more. */
  readonly goneAt?: number
}

/** All endpoints of one tenant and the keys that its deliveries are signed with: one row. */
export interface WebhookSettings {
  readonly tenant: string
  readonly endpoints: readonly WebhookEndpoint[]
  /** `whsec_` and 32 bytes in base64. */
  readonly secret: string
  /** Signs beside the newer one until an instant, so that a receiver can change over. */
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
  /** What the receiver answered; absent when it did not. */
  readonly status?: number
  /** Why it did not count. */
  readonly error?: string
}

export interface Delivery extends TaskKey {
  readonly taskId: string
  readonly epoch: number
  readonly event: WebhookEvent
  /** What the event tells; the task has moved on by the time that it is sent. */
  readonly progress?: Progress
  readonly url: string
  /** Absent where the task itself named the URL. */
  readonly endpoint?: string
  readonly status: DeliveryStatus
  readonly occurredAt: number
  readonly createdAt: number
  /** Tries since it was made or sent again by hand. */
  readonly attempts: number
  /** The latest tries, oldest first. */
  readonly log: readonly DeliveryAttempt[]
  /** No try before this; absent when there will be none. */
  readonly nextAt?: number
  /** Somebody is sending it until then. */
  readonly leaseUntil?: number
  /** When the sweeper must ask for it. */
  readonly dueAt?: number
  /** Seconds since 1970. */
  readonly ttl: number
  readonly version: number
}

/** Tries kept in the row: all of one day's. */
const LOG_LENGTH = 12
/** Ten waits of 23.7 hours together: a receiver may be down over a night. */
const WAITS_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800] as const
/** Nobody wants to hear tomorrow how far a task was. */
const PROGRESS_TRIES = 2
/** A receiver cannot ask for more than what is left of the day. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000
/** A send takes 15 s at most; who dies while sending is followed after this. */
export const DELIVERY_LEASE_MS = 30_000
/** A message is meant to bring it back; the sweeper looks this much later. */
const PATIENCE_MS = 90_000
export const DELIVERY_DAYS = 7

export const endEventOf = (status: Status): WebhookEvent | undefined =>
  DEFAULT_EVENTS.find((event) => event === status.toLowerCase())

export const wants = ({ events }: Pick<Webhook, 'events'>, event: WebhookEvent): boolean =>
  (events ?? DEFAULT_EVENTS).includes(event)

/** Whether anybody may want to hear of it, told from the row alone. */
export const isHeard = (
  task: Pick<Task, 'webhook' | 'hasEndpoints'>,
  event: WebhookEvent | undefined,
): boolean =>
  event !== undefined &&
  (task.hasEndpoints === true || (task.webhook !== undefined && wants(task.webhook, event)))

/** What a delivery's id is derived from. Starts with a character that no Idempotency-Key may have. */
export const deliveryKey = (
  { taskId, epoch, event, occurredAt }: Pick<Delivery, 'taskId' | 'epoch' | 'event' | 'occurredAt'>,
  endpoint = '',
): string =>
  `\u0000webhook/${taskId}/${epoch}/${event}${event === 'progress' ? `@${occurredAt}` : ''}/${endpoint}`

/** What became of one try. */
export type SendOutcome =
  | { readonly status: number; readonly ms: number; readonly retryAfterMs?: number }
  /** `isFinal`: no later try can go better, e.g. the URL leads to a private address. */
  | { readonly error: string; readonly ms: number; readonly isFinal?: true }

/** The delivery after a try: arrived, given up, or due for the next. */
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
  // Shorter by up to a fifth: thousands that failed together do not come back together.
  const waitMs = waitSeconds * 1_000 * (0.8 + 0.2 * random)
  const told = 'status' in outcome ? Math.min(outcome.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) : 0
  return { ...tried, status: 'PENDING', ...due(now + Math.round(Math.max(waitMs, told)), now) }
}

const refusalOf = (status: number): string => {
  if (status >= 300 && status < 400) return 'redirects are not followed'
  return status === 410 ? 'gone' : 'no 2xx'
}

/** SQS can wait 15 minutes; what waits longer is asked for by the sweeper alone. */
export const MESSAGE_WAIT_MS = 900_000

/** When a delivery is tried next, and when the sweeper must ask for it. */
export const due = (nextAt: number, now: number): Pick<Delivery, 'nextAt' | 'dueAt'> => ({
  nextAt,
  dueAt: nextAt - now <= MESSAGE_WAIT_MS ? nextAt + PATIENCE_MS : nextAt,
})
