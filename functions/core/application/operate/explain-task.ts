import { TIMING } from '../../../contract/timing.ts'
import { admitCall, type Circuit } from '../../domain/circuit.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import type { CircuitStore } from '../../ports/circuit-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { QueueDepth, QueueDepths } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { WorkerSlots } from '../../ports/worker-slots.ts'
import { getTask } from '../tasks/get-task.ts'

export interface ExplainDependencies extends StateDependencies {
  readonly store: TaskStore
}

/** What a task's wait depends on, besides its row. */
export interface StateDependencies {
  readonly depths: QueueDepths
  readonly circuits: CircuitStore
  readonly lanes: LaneStore
  readonly workerSlots: WorkerSlots
  readonly clock: Clock
  /** Name of a model's circuit; undefined for a model without a provider. */
  readonly circuitOf: (model: string) => string | undefined
}

export const GATES = [
  'finished',
  'running',
  'schedule',
  'queue',
  'retry',
  'circuit',
  'key',
  'limit',
  'paused',
  'lost',
] as const
export type Gate = (typeof GATES)[number]

export interface Explanation {
  readonly task: Task
  /** What the task waits for. */
  readonly gate: Gate
  readonly message: string
  /** Earliest time at which it can run, if it is known. */
  readonly nextAt?: number
  readonly facts: Readonly<Record<string, unknown>>
}

interface ExplainInput {
  readonly task: Task
  readonly now: number
  readonly depth: QueueDepth
  readonly circuitName: string | undefined
  readonly circuit: Circuit | undefined
  readonly pausedSince: number | undefined
}

type Answer = Pick<Explanation, 'gate' | 'message' | 'nextAt'>

/**
 * Explains why a task waits and when it can next run.
 *
 * @throws RequestError `not_found`.
 */
export async function explainTask(dependencies: ExplainDependencies, key: TaskKey): Promise<Explanation> {
  return explainLoaded(dependencies, await getTask(dependencies, key))
}

/** The same for a task that the caller has read. */
export async function explainLoaded(dependencies: StateDependencies, task: Task): Promise<Explanation> {
  const { depths, circuits, lanes, workerSlots, clock, circuitOf } = dependencies
  const now = clock.now()
  const [depth, known, paused, slots] = await Promise.all([
    depths.depth(task.lane),
    circuits.readAll(),
    lanes.paused(),
    workerSlots.read(now, task.lane),
  ])
  const circuitName = task.model === null ? undefined : circuitOf(task.model)
  const circuit = circuitName === undefined ? undefined : known.get(circuitName)
  const pausedSince = paused.get(task.lane)
  const answer = explain({ task, now, depth, circuitName, circuit, pausedSince })
  return {
    task,
    ...answer,
    message: `${answer.message}${originOf(task)}`,
    facts: {
      lane: task.lane,
      epoch: task.epoch,
      attempts: task.attempt,
      max_attempts: task.maxAttempts,
      messages_sent: task.sends,
      waiting_in_lane: depth.visible,
      running_in_lane: depth.inFlight,
      slots_used: slots.get(task.lane)?.used ?? 0,
      slots_paid: slots.get(task.lane)?.paid ?? 0,
      lane_paused: pausedSince !== undefined,
      ...(circuitName && circuit?.until !== undefined
        ? { circuit: circuitName, circuit_open_until: iso(circuit.until), circuit_code: circuit.code }
        : {}),
      ...(task.dueAt === undefined ? {} : { looked_at_again: iso(task.dueAt) }),
      ...(task.error ? { last_error: task.error.code } : {}),
      ...(task.firing ? { schedule: task.firing.schedule, planned_at: iso(task.firing.plannedAt) } : {}),
      ...(task.parent
        ? { workflow: task.parent.workflow, step: task.parent.node, task_of_step: task.parent.index + 1 }
        : {}),
    },
  }
}

function explain(input: ExplainInput): Answer {
  const { task, now, pausedSince } = input
  if (isFinal(task.status)) return { gate: 'finished', message: finished(task) }
  if (task.status === 'PROCESSING') return running(input)
  if (task.claimableFrom > now) return waitingForTime(input)
  if (pausedSince !== undefined)
    return {
      gate: 'paused',
      message: `Lane ${task.lane} is paused since ${iso(pausedSince)}. Resume it with POST /queues/${task.lane}/resume.`,
    }
  return queued(input)
}

/** Says which schedule or workflow created the task, and what depends on it. */
function originOf({ firing, parent, status }: Task): string {
  if (firing)
    return ` The schedule ${firing.schedule} planned it for ${iso(firing.plannedAt)}; GET /schedules/${firing.schedule} tells its next times.`
  if (!parent) return ''
  const place = parent.size > 1 ? `task ${parent.index + 1} of ${parent.size} of step` : 'step'
  const rest =
    status === 'FAILED' || status === 'CANCELLED'
      ? `POST /workflows/${parent.workflow}/retry goes on from what did not complete.`
      : isFinal(status)
        ? `GET /workflows/${parent.workflow} tells how it went on.`
        : 'The steps after it wait for it.'
  return ` It is ${place} "${parent.node}" of the workflow ${parent.workflow}. ${rest}`
}

/** Error codes after which the same request would be refused again. */
const REFUSALS: readonly string[] = ['content_refused', 'provider_rejected']

/** Never retried, but repaired by who runs the stage. */
const REPAIRABLE: readonly string[] = ['provider_unauthorized', 'provider_not_configured']

function wayOn({ id, lane, error }: Task): string {
  const { code = '', retryable = true } = error ?? {}
  if (REFUSALS.includes(code)) return 'The same input meets the same refusal: submit it changed.'
  if (!retryable && !REPAIRABLE.includes(code))
    return `The same input fails again until its cause is removed; then POST /tasks/${id}/retry.`
  return `POST /tasks/${id}/retry runs it again, POST /queues/${lane}/redrive many at once.`
}

function finished(task: Task): string {
  switch (task.status) {
    case 'COMPLETED':
      return `It completed at ${iso(task.finishedAt)}, in attempt ${task.attempt}.`
    case 'FAILED':
      return `It failed at ${iso(task.finishedAt)} after ${count(task.attempt, 'attempt')}: ${task.error?.code}, ${task.error?.message} ${wayOn(task)}`
    case 'EXPIRED':
      return `Its start deadline, ${iso(task.expiresAt)}, passed before a worker took it. POST /tasks/${task.id}/retry runs it without the deadline.`
    default:
      return `It was cancelled at ${iso(task.finishedAt)}. POST /tasks/${task.id}/retry runs it again.`
  }
}

function running({ task, now }: ExplainInput): Answer {
  if (task.claimableFrom > now)
    return {
      gate: 'running',
      message: `Attempt ${task.attempt} of ${task.maxAttempts} runs since ${iso(task.startedAt)}; its worker renews its lease until it is done.`,
    }
  return {
    gate: 'lost',
    message: `The worker of attempt ${task.attempt} is gone: its lease ended at ${iso(task.claimableFrom)}. The message or the sweeper brings the task back within two minutes.`,
    nextAt: Math.max(task.claimableFrom, now) + TIMING.sweepMs,
  }
}

function waitingForTime({ task, circuitName }: ExplainInput): Answer {
  const nextAt = task.claimableFrom
  if (task.turnWaits !== undefined && task.sends === 0)
    return {
      gate: task.concurrencyKey === undefined ? 'limit' : 'key',
      message: `${task.concurrencyKey === undefined ? 'As many tasks of its tenant run as may at once; the end of one' : 'Another task of its concurrency_key runs, or as many of its tenant as may; its end'} lets this one run. It looks by itself at ${iso(nextAt)}, and spends no attempt.`,
      nextAt,
    }
  if (task.status !== 'RETRYING')
    return { gate: 'schedule', message: `It is to run at ${iso(nextAt)}.`, nextAt }
  if (task.error?.code === 'circuit_open')
    return {
      gate: 'circuit',
      message: `${circuitName ?? 'The provider'} keeps failing, so its calls are paused and no attempt is spent. At ${iso(nextAt)} the task looks again; the first call then shows whether the provider is back.`,
      nextAt,
    }
  if (task.modelWait)
    return {
      gate: 'limit',
      message: `The limit of ${task.modelWait.circuit} is used up, so its call is planned for later and spends no attempt. ${task.modelWait.startAt === undefined ? 'Many wait: it asks for a time' : 'It begins'} at ${iso(nextAt)}.`,
      nextAt,
    }
  return {
    gate: 'retry',
    message: `Attempt ${task.attempt} of ${task.maxAttempts} ended with ${task.error?.code}; the next begins at ${iso(nextAt)}.`,
    nextAt,
  }
}

function queued({ task, now, depth, circuitName, circuit }: ExplainInput): Answer {
  const waited = Math.round((now - task.queuedAt) / 1_000)
  if (depth.visible === 0 && task.dueAt !== undefined && task.dueAt <= now)
    // A message that its worker could not process becomes visible again later; SQS does not say which messages are in flight.
    return depth.inFlight > 0
      ? {
          gate: 'queue',
          message: `It waits for a worker of lane ${task.lane} since ${waited} s. Its message is one of the ${depth.inFlight} that are being worked on or come back by themselves, or it is lost; then the sweeper sends another.`,
          nextAt: now + TIMING.sweepMs,
        }
      : {
          gate: 'lost',
          message: `Its message is not in the queue any more, ${waited} s after it was sent. The sweeper sends another within a minute.`,
          nextAt: now + TIMING.sweepMs,
        }
  const admission = admitCall(
    circuit,
    { task: task.id, tenant: task.tenant, hasFailed: false, isLast: false },
    now,
  )
  const paused =
    admission.kind === 'refuse'
      ? ` ${circuitName} keeps failing; its calls are paused until ${iso(admission.until)}.`
      : ''
  return {
    gate: admission.kind === 'refuse' ? 'circuit' : 'queue',
    message: `It waits for a worker of lane ${task.lane} since ${waited} s; about ${count(depth.visible, 'message')} wait and ${depth.inFlight} are being worked on.${paused}`,
    ...(admission.kind === 'refuse' ? { nextAt: admission.until } : {}),
  }
}

const iso = (instant: number | undefined): string =>
  instant === undefined ? 'an unknown time' : new Date(instant).toISOString()
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
