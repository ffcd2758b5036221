import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import {
  type Budget,
  hasBudget,
  limitPassed,
  type Period,
  periodOf,
  type Reservation,
  type Totals,
  toMicro,
} from '../../domain/budget.ts'
import { UnavailableError } from '../../domain/errors.ts'
import {
  intervalMs,
  maxOpenTasks,
  needsPlace,
  PLACES_RETRY_MS,
  type Rate,
  submitRate,
  type TenantLimits,
  toleranceMs,
  waitMsOf,
} from '../../domain/limits.ts'
import type { OpenTask, Settlement, TakePlaceResult, TenantMeter } from '../../ports/tenant-meter.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

const keyOf = (tenant: string): Row => ({ pk: `Q#${encodeURIComponent(tenant)}`, sk: 'meter' })
/** Tries of concurrent callers whose expected row was outdated; in each round one caller succeeds. */
const MAX_TRIES = 150

interface MeterWrite {
  readonly sets: string[]
  /** Changes of sets: removing a missing member has no effect. */
  adds?: string
  deletes?: string
  readonly removes?: readonly string[]
  readonly conditions: string[]
  readonly names: Record<string, string>
  readonly values: Record<string, unknown>
}

/**
 * One row per tenant: the open tasks by id with their reservations, their number, those that have not begun, the totals of day
 * and month, and the planned time of the next submit. One write changes all of them, so that nothing can become
 * inconsistent. The row grows by about 50 bytes per open task, which each write pays for: the reason for the upper limit in the stage's
 * settings. Not used: a counter beside the rows, which stays wrong after every crash between the two writes.
 *
 * Totals are the money spent in the period plus all reservations, because a condition of DynamoDB cannot add.
 * A new period begins with the reservations. A caller whose clock is behind the row's day uses the row's day.
 */
export class DynamoTenantMeter implements TenantMeter {
  readonly #table: Table
  /** The last known planned time of each tenant's next submit: with it, most submits need only one write. */
  readonly #planned = new Map<string, number>()

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async take(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
    worstMicroUsd = 0,
  ): Promise<TakePlaceResult> {
    const budget = hasBudget(limits.budget) ? limits.budget : undefined
    const held: Reservation | undefined = needsPlace(limits)
      ? { at: now, ...(budget ? { microUsd: worstMicroUsd } : {}) }
      : undefined
    const rate = submitRate(limits)
    let period = periodOf(now)
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const isBusy = (this.#planned.get(tenant) ?? 0) > now
      const write = place(taskId, limits, held)
      if (rate) addRate(write, rate, now, isBusy)
      if (budget) addCost(write, budget, period, worstMicroUsd)
      const answer = await this.#update(tenant, write, budget && 'ALL_NEW')
      if (!('refused' in answer)) {
        if (rate)
          this.#remember(tenant, (isBusy ? (this.#planned.get(tenant) ?? now) : now) + intervalMs(rate))
        const totals = budget && totalsOf(answer.Attributes ?? {}, period)
        return { held, ...(totals ? { totals } : {}) }
      }
      const row = answer.old ?? (await this.#table.read('read', keyOf(tenant)))
      if (!row) {
        await this.#create(tenant)
        continue
      }
      const open = openOf(row)
      const mine = held && open.find(({ id }) => id === taskId)
      if (mine) return { held: mine.held }
      if (held && Number(row.openCount) >= maxOpenTasks(limits))
        return { refused: { limit: 'open_tasks', retryAfterMs: PLACES_RETRY_MS.open_tasks }, open }
      if (limits.queuedTasks !== undefined && queuedOf(row).size >= limits.queuedTasks)
        return { refused: { limit: 'queued_tasks', retryAfterMs: PLACES_RETRY_MS.queued_tasks }, open }
      if (budget) {
        if (!isAt(row, period)) {
          period = await this.#moveTo(tenant, row, period)
          continue
        }
        const passed = limitPassed(budget, totalsOf(row, period), worstMicroUsd)
        if (passed) return { refused: passed, open }
      }
      const planned = Number(row.planned)
      this.#remember(tenant, planned)
      const waitMs = rate && waitMsOf(rate, planned, now)
      if (waitMs !== undefined) return { refused: { limit: 'submits', retryAfterMs: waitMs }, open }
    }
    throw new UnavailableError('Too many submit at once.')
  }

  async settle(tenant: string, { id, held, spentMicroUsd }: Settlement, now: number): Promise<void> {
    let period = periodOf(now)
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const write: MeterWrite = {
        sets: ['#count = #count - :one'],
        removes: ['#open.#id'],
        conditions: ['#open.#id = :entry'],
        names: { '#count': 'openCount', '#open': 'open', '#id': id },
        values: { ':one': 1, ':entry': entryOf(held) },
      }
      addBegun(write, id)
      if (held.microUsd !== undefined) {
        addTotals(write, period, spentMicroUsd - held.microUsd)
        write.sets.push('#held = #held - :held')
        write.names['#held'] = 'held'
        write.values[':held'] = held.microUsd
      }
      const answer = await this.#update(tenant, write)
      if (!('refused' in answer)) return
      const row = answer.old ?? (await this.#table.read('read', keyOf(tenant)))
      if (!row || (row.open as Record<string, unknown>)?.[id] !== entryOf(held)) return
      if (held.microUsd !== undefined && !isAt(row, period)) period = await this.#moveTo(tenant, row, period)
    }
    throw new UnavailableError('Too many tasks end at once.')
  }

  async begin(tenant: string, taskId: string): Promise<void> {
    const write: MeterWrite = {
      sets: [],
      conditions: ['contains(#queued, :id)'],
      names: {},
      values: { ':id': taskId },
    }
    addBegun(write, taskId)
    await this.#update(tenant, write)
  }

  async totals(tenant: string, now: number) {
    const row = await this.#table.read('read', keyOf(tenant))
    if (!row) return undefined
    const period = periodOf(now)
    const stored = { day: String(row.day ?? ''), month: String(row.month ?? '') }
    const held = Number(row.held ?? 0)
    return {
      ...(stored.day > period.day ? stored : period),
      heldMicroUsd: held,
      dayMicroUsd: stored.day < period.day ? held : Number(row.dayTotal ?? 0),
      monthMicroUsd: stored.month < period.month ? held : Number(row.monthTotal ?? 0),
      openTasks: Number(row.openCount ?? 0),
      queuedTasks: queuedOf(row).size,
    }
  }

  /** Begins a new period, or returns the row's period when it is later. */
  async #moveTo(tenant: string, row: Row, wanted: Period): Promise<Period> {
    const stored = { day: String(row.day ?? ''), month: String(row.month ?? '') }
    if (stored.day > wanted.day) return stored
    await this.#update(tenant, {
      sets: [
        '#day = :day',
        '#month = :month',
        '#held = if_not_exists(#held, :zero)',
        '#dayTotal = if_not_exists(#held, :zero)',
        `#monthTotal = if_not_exists(${stored.month === wanted.month ? '#monthTotal' : '#held'}, :zero)`,
      ],
      conditions: row.day === undefined ? ['attribute_not_exists(#day)'] : ['#day = :was'],
      names: { ...TOTALS, '#held': 'held' },
      values: {
        ':day': wanted.day,
        ':month': wanted.month,
        ':zero': 0,
        ...(row.day === undefined ? {} : { ':was': row.day }),
      },
    })
    return wanted
  }

  #update(
    tenant: string,
    { sets, adds, deletes, removes = [], conditions, names, values }: MeterWrite,
    gives?: 'ALL_NEW',
  ) {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: [
        ...(sets.length ? [`SET ${sets.join(', ')}`] : []),
        ...(removes.length ? [`REMOVE ${removes.join(', ')}`] : []),
        ...(adds ? [`ADD ${adds}`] : []),
        ...(deletes ? [`DELETE ${deletes}`] : []),
      ].join(' '),
      ConditionExpression: conditions.join(' AND '),
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...(gives ? { ReturnValues: gives } : {}),
    })
    return this.#table.write('meter', (client) => client.send(update))
  }

  async #create(tenant: string): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: 'SET #open = :none, #count = :zero, #planned = :zero',
      ConditionExpression: 'attribute_not_exists(pk)',
      ExpressionAttributeNames: { '#open': 'open', '#count': 'openCount', '#planned': 'planned' },
      ExpressionAttributeValues: { ':none': {}, ':zero': 0 },
    })
    await this.#table.write('meter', (client) => client.send(update))
  }

  #remember(tenant: string, planned: number): void {
    if (this.#planned.size > 10_000) this.#planned.clear()
    this.#planned.set(tenant, planned)
  }
}

const TOTALS = { '#day': 'day', '#month': 'month', '#dayTotal': 'dayTotal', '#monthTotal': 'monthTotal' }

/** Takes a task's place, if it has none yet and one is free. */
function place(taskId: string, limits: TenantLimits, held: Reservation | undefined): MeterWrite {
  const write: MeterWrite = {
    sets: [],
    conditions: ['attribute_exists(#count)'],
    names: { '#count': 'openCount' },
    values: {},
  }
  if (!held) return write
  Object.assign(write.names, { '#open': 'open', '#id': taskId })
  Object.assign(write.values, { ':entry': entryOf(held), ':one': 1, ':most': maxOpenTasks(limits) })
  write.sets.push('#open.#id = :entry', '#count = #count + :one')
  write.conditions.push('attribute_not_exists(#open.#id)', '#count < :most')
  if (limits.queuedTasks !== undefined) {
    write.adds = '#queued :queued'
    write.names['#queued'] = 'queued'
    Object.assign(write.values, { ':queued': new Set([taskId]), ':maxQueued': limits.queuedTasks })
    write.conditions.push('(attribute_not_exists(#queued) OR size(#queued) < :maxQueued)')
  }
  return write
}

/** Removes a task from those that have not begun. */
function addBegun(write: MeterWrite, taskId: string): void {
  write.deletes = '#queued :begun'
  write.names['#queued'] = 'queued'
  write.values[':begun'] = new Set([taskId])
}

const queuedOf = (row: Row): ReadonlySet<string> => (row.queued ?? new Set()) as ReadonlySet<string>

/**
 * Counts one event of a rate. The condition differs when the planned time has passed, since a condition cannot choose. A caller
 * that assumed the wrong case is refused and gets the row.
 */
export function addRate(
  { sets, conditions, names, values }: Pick<MeterWrite, 'sets' | 'conditions' | 'names' | 'values'>,
  rate: Rate,
  now: number,
  isBusy: boolean,
) {
  const interval = intervalMs(rate)
  names['#planned'] = 'planned'
  values[':now'] = now
  if (isBusy) {
    values[':interval'] = interval
    values[':latest'] = now + toleranceMs(rate)
    sets.push('#planned = #planned + :interval')
    conditions.push('#planned > :now', '#planned <= :latest')
  } else {
    values[':next'] = now + interval
    sets.push('#planned = :next')
    conditions.push('#planned <= :now')
  }
}

/** @param change of both totals, in the row's present period. */
function addTotals(
  { sets, conditions, names, values }: MeterWrite,
  { day, month }: Period,
  change: number,
): void {
  Object.assign(names, TOTALS)
  Object.assign(values, { ':day': day, ':month': month, ':change': change })
  sets.push('#dayTotal = #dayTotal + :change', '#monthTotal = #monthTotal + :change')
  conditions.push('#day = :day', '#month = :month')
}

function addCost(write: MeterWrite, budget: Budget, period: Period, microUsd: number): void {
  addTotals(write, period, microUsd)
  write.names['#held'] = 'held'
  write.sets.push('#held = #held + :change')
  for (const [name, usd] of [
    ['dayTotal', budget.usdPerDay] as const,
    ['monthTotal', budget.usdPerMonth] as const,
  ]) {
    if (usd === undefined) continue
    write.values[`:${name}`] = toMicro(usd) - microUsd
    write.conditions.push(`#${name} <= :${name}`)
  }
}

const isAt = (row: Row, { day, month }: Period): boolean => row.day === day && row.month === month

const totalsOf = (row: Row, period: Period): Totals => ({
  ...period,
  heldMicroUsd: Number(row.held ?? 0),
  dayMicroUsd: Number(row.dayTotal ?? 0),
  monthMicroUsd: Number(row.monthTotal ?? 0),
})

/** One text, so that a condition can compare exactly this reservation. */
const entryOf = ({ at, microUsd }: Reservation): string =>
  microUsd === undefined ? `${at}` : `${at}:${microUsd}`

const openOf = (row: Row): readonly OpenTask[] =>
  Object.entries((row.open ?? {}) as Record<string, string>).map(([id, entry]) => {
    const [at, microUsd] = String(entry).split(':').map(Number)
    return { id, held: { at: at ?? 0, ...(microUsd === undefined ? {} : { microUsd }) } }
  })
