import { createHash } from 'node:crypto'
import { type AttributeValue, QueryCommand } from '@aws-sdk/client-dynamodb'
import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import { type Addition, bucketOf, isSameUsage, type TallyUsage } from '../../domain/tally.ts'
import { FINAL_STATUSES, type TaskKey } from '../../domain/task.ts'
import type { Period, TagRow, TallyRow, TallyStore } from '../../ports/tally-store.ts'
import { type Row, shardOf } from './row.ts'
import { Table } from './table.ts'

/** Partitions of a tenant's statistics; each accepts 1,000 additions per second, and each read reads all of them. */
const SHARDS = 4
const KEPT_DAYS: Readonly<Record<Period, number>> = { hour: 4, day: 400 }
/** Length of `2026-11-25T21` and of `2026-11-25`. */
const LENGTH: Readonly<Record<Period, number>> = { hour: 13, day: 10 }
/**
 * How long a mark is kept after the task's row states that its end was added. Every process that read the row before has
 * added it by then, since the sweeper adds only ends older than a minute. A mark is 35 bytes, and every addition is billed by
 * the size of its whole row.
 */
const MARK_KEPT_MS = 60_000
const MARK_KEPT_BUSY_MS = 10_000
/** A row with more marks than this is a busy one, whose marks are removed earlier. */
const MAX_MARKS = 20
const MARKS_PER_REMOVAL = 20
/** Tries: usage written during an addition needs another one; a cancelled attempt adds once. */
const MAX_TRIES = 5

const USAGE_FIELDS = [
  ...['sk', 'type', 'model', 'provider', 'users', 'tag'],
  ...['inputTokens', 'outputTokens', 'costMicroUsd', 'savedMicroUsd', 'unpriced'],
]
const USAGE = {
  ProjectionExpression: USAGE_FIELDS.map((field) => `#${field}`).join(', '),
  ExpressionAttributeNames: Object.fromEntries(USAGE_FIELDS.map((field) => [`#${field}`, field])),
}

/** Prefix of the key of a tag's row. */
const TAGS = 'tag#'

interface AdditionMark {
  readonly pk: string
  readonly sk: string
  readonly name: string
}

const partitionOf = (tenant: string, shard: number): string => `C#${encodeURIComponent(tenant)}#${shard}`
const startOf = (period: Period, instant: number): string =>
  `${period}#${new Date(instant).toISOString().slice(0, LENGTH[period])}`

/** 48 bits: among the few marks of a row, two are equal once in 10^13 additions. */
const markOf = (id: string, epoch: number, additions: number): string =>
  `~${createHash('sha256').update(`${id}#${epoch}#${additions}`).digest('base64url').slice(0, 8)}`

const write = ({
  inputTokens,
  outputTokens,
  costMicroUsd,
  isUnpriced,
  hasUsage,
  savedMicroUsd = 0,
}: TallyUsage): string =>
  [
    ...[inputTokens, outputTokens, costMicroUsd, Number(isUnpriced), Number(hasUsage)],
    ...(savedMicroUsd > 0 ? [savedMicroUsd] : []),
  ].join()

function read(text: string): TallyUsage {
  const [inputTokens = 0, outputTokens = 0, costMicroUsd = 0, unpriced, used, savedMicroUsd = 0] = text
    .split(',')
    .map(Number)
  return {
    inputTokens,
    outputTokens,
    costMicroUsd,
    isUnpriced: unpriced === 1,
    hasUsage: used === 1,
    savedMicroUsd,
  }
}

/** Usage only grows, so an addition with more usage than this one includes this one. */
const isAhead = (one: TallyUsage, other: TallyUsage): boolean =>
  one.inputTokens >= other.inputTokens &&
  one.outputTokens >= other.outputTokens &&
  one.costMicroUsd >= other.costMicroUsd

/**
 * One conditional update per row and end: it adds the numbers and a mark of the addition to the same row. The row refuses an
 * addition whose mark it has, so that no crash between this write and that of the task's row counts it twice.
 */
export class DynamoTallyStore implements TallyStore {
  readonly #table: Table
  readonly #now: () => number
  readonly #added = new Map<string, AdditionMark[]>()
  readonly #removable = new Map<string, { readonly name: string; readonly since: number }[]>()

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number) {
    this.#table = new Table(client, table)
    this.#now = now
  }

  async add(addition: Addition): Promise<number> {
    const { type, model, tags, usage } = addition
    const subjects = [
      `${encodeURIComponent(type)}#${encodeURIComponent(model)}`,
      ...(usage.hasUsage ? tags.map((tag) => ({ tag })) : []),
    ]
    const additions = await Promise.all(
      subjects.flatMap((subject) =>
        (['hour', 'day'] as const).map((period) => this.#addTo(period, subject, addition)),
      ),
    )
    return Math.max(...additions)
  }

  confirm({ id, epoch }: TaskKey & { readonly epoch: number }): void {
    const since = this.#now()
    for (const { pk, sk, name } of this.#added.get(`${id}#${epoch}`) ?? []) {
      const waiting = this.#removable.get(`${pk}${sk}`) ?? []
      this.#removable.set(`${pk}${sk}`, [...waiting, { name, since }])
    }
    this.#added.delete(`${id}#${epoch}`)
    // Marks that a process forgets stay in their row, about ten bytes each.
    for (const known of [this.#added, this.#removable]) if (known.size > 1_000) known.clear()
  }

  async read(
    tenant: string,
    period: Period,
    since: number,
    part: 'whole' | 'usage' = 'whole',
  ): Promise<readonly TallyRow[]> {
    const rows = await this.#readAll(tenant, period, since, { projection: part === 'usage' ? USAGE : {} })
    return rows.map(toTallyRow)
  }

  async readTags(tenant: string, period: Period, since: number): Promise<readonly TagRow[]> {
    const rows = await this.#readAll(tenant, period, since, { projection: USAGE, before: TAGS })
    return rows.map((row) => {
      const { at, users, usage } = toTallyRow(row)
      return { at, users, usage, tag: row.tag?.S ?? '' }
    })
  }

  async #readAll(
    tenant: string,
    period: Period,
    since: number,
    { projection, before = '' }: { readonly projection: object; readonly before?: string },
  ): Promise<readonly Item[]> {
    const shards = Array.from({ length: SHARDS }, (_, shard) => {
      const range = { from: `${before}${startOf(period, since)}`, to: `${before}${period}#~` }
      return this.#readShard(partitionOf(tenant, shard), range, projection)
    })
    return (await Promise.all(shards)).flat()
  }

  /** @param subject type and model, or a tag. */
  async #addTo(
    period: Period,
    subject: string | { readonly tag: string },
    addition: Addition,
  ): Promise<number> {
    const { tenant, id, epoch, finishedAt, usage } = addition
    const pk = partitionOf(tenant, shardOf(id, SHARDS))
    const start = startOf(period, finishedAt)
    const tag = typeof subject === 'string' ? undefined : subject.tag
    const sk = tag === undefined ? `${start}#${subject}` : `${TAGS}${start}#${encodeURIComponent(tag)}`
    let { before, additions, isLate } = addition
    for (let round = 0; round < MAX_TRIES; round += 1) {
      const name = markOf(id, epoch, additions)
      const next = { ...addition, before, isLate }
      const answer = await this.#update({ pk, sk }, name, next, period, tag)
      additions += 1
      if (!('refused' in answer)) {
        this.#added.set(`${id}#${epoch}`, [...(this.#added.get(`${id}#${epoch}`) ?? []), { pk, sk, name }])
        return additions
      }
      const row = answer.old ?? (await this.#table.read('tally', { pk: pk, sk: sk }))
      const text = row?.[name]
      // The mark was removed between the two; the process that removed it knew that it was counted.
      if (typeof text !== 'string') return additions
      const added = read(text)
      if (isSameUsage(added, usage) || isAhead(added, usage)) return additions
      before = added
      isLate = true
    }
    throw new UnavailableError('The counts of the hour did not come to rest.')
  }

  async #update(
    Key: Row & { pk: string; sk: string },
    mark: string,
    addition: Addition,
    period: Period,
    tag: string | undefined,
  ) {
    const { type, model, provider, status, isLate, runMs, waitMs, usage, before, finishedAt } = addition
    const names: Record<string, string> = { '#mark': mark, '#type': 'type', '#model': 'model' }
    const values: Record<string, unknown> = {
      ':mark': write(usage),
      ':type': type,
      ':model': model,
      ':reapAt': Math.floor(finishedAt / 1_000) + KEPT_DAYS[period] * 86_400,
    }
    const adds: string[] = []
    const plus = (field: string, value: number) => {
      if (value === 0) return
      const place = `a${adds.length}`
      names[`#${place}`] = field
      values[`:${place}`] = value
      adds.push(`#${place} :${place}`)
    }
    if (tag !== undefined) {
      names['#tag'] = 'tag'
      values[':tag'] = tag
    } else if (!isLate) {
      plus(status, 1)
      if (runMs !== undefined) plus(`r${bucketOf(runMs)}`, 1)
      if (waitMs !== undefined) plus(`w${bucketOf(waitMs)}`, 1)
    }
    plus('inputTokens', usage.inputTokens - before.inputTokens)
    plus('outputTokens', usage.outputTokens - before.outputTokens)
    plus('costMicroUsd', usage.costMicroUsd - before.costMicroUsd)
    plus('savedMicroUsd', (usage.savedMicroUsd ?? 0) - (before.savedMicroUsd ?? 0))
    plus('unpriced', Number(usage.isUnpriced) - Number(before.isUnpriced))
    plus('users', Number(usage.hasUsage) - Number(before.hasUsage))
    if (provider !== undefined) {
      names['#provider'] = 'provider'
      values[':provider'] = provider
    }
    const removes = this.#marksToRemove(`${Key.pk}${Key.sk}`).map((name, index) => {
      names[`#m${index}`] = name
      return `#m${index}`
    })
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key,
      UpdateExpression: [
        `SET #mark = :mark, #type = :type, #model = :model, ${TABLE.ttl} = :reapAt`,
        ...(provider === undefined ? [] : [', #provider = :provider']),
        ...(tag === undefined ? [] : [', #tag = :tag']),
        ...(adds.length ? [` ADD ${adds.join(', ')}`] : []),
        ...(removes.length ? [` REMOVE ${removes.join(', ')}`] : []),
      ].join(''),
      ConditionExpression: 'attribute_not_exists(#mark)',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return this.#table.write('tally', (client) => client.send(update))
  }

  /** Removed from the list at once: a mark that stays after a failed write costs only some bytes. */
  #marksToRemove(row: string): readonly string[] {
    const waiting = this.#removable.get(row) ?? []
    const now = this.#now()
    const keptMs = waiting.length > MAX_MARKS ? MARK_KEPT_BUSY_MS : MARK_KEPT_MS
    const over = waiting.filter(({ since }) => now - since > keptMs).slice(0, MARKS_PER_REMOVAL)
    if (over.length > 0)
      this.#removable.set(
        row,
        waiting.filter((one) => !over.includes(one)),
      )
    return over.map(({ name }) => name)
  }

  // Without the document client, which copies every attribute twice; one read has 25,000 of them.
  async #readShard(
    pk: string,
    { from, to }: { readonly from: string; readonly to: string },
    projection: object,
  ): Promise<readonly Item[]> {
    const rows: Item[] = []
    let ExclusiveStartKey: Item | undefined
    do {
      const query = new QueryCommand({
        TableName: this.#table.name,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from }, ':to': { S: to } },
        ConsistentRead: true,
        ExclusiveStartKey,
        ...projection,
      })
      const answer = await this.#table.call('tally', (client) => client.send(query))
      rows.push(...(answer.Items ?? []))
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return rows
  }
}

/** A row in the table's own format. */
type Item = Record<string, AttributeValue>

const [ZERO, NINE] = ['0', '9'].map((digit) => digit.charCodeAt(0)) as [number, number]

/** `r80` and `w20` are buckets of the durations of runs and waits. */
function bucketIn(name: string): number | undefined {
  const first = name.charCodeAt(1)
  return first >= ZERO && first <= NINE && (name[0] === 'r' || name[0] === 'w')
    ? Number(name.slice(1))
    : undefined
}

function toTallyRow(item: Item): TallyRow {
  const number = (field: string) => Number(item[field]?.N ?? 0)
  const [runs, waits] = [new Map<number, number>(), new Map<number, number>()]
  for (const name in item) {
    const bucket = bucketIn(name)
    if (bucket !== undefined) (name[0] === 'r' ? runs : waits).set(bucket, number(name))
  }
  return {
    at: (item.sk?.S ?? '').replace(TAGS, '').split('#')[1] ?? '',
    type: item.type?.S ?? '',
    model: item.model?.S ?? '',
    provider: item.provider?.S,
    counts: Object.fromEntries(
      FINAL_STATUSES.flatMap((status) => (item[status] ? [[status, number(status)]] : [])),
    ),
    users: number('users'),
    usage: {
      inputTokens: number('inputTokens'),
      outputTokens: number('outputTokens'),
      costMicroUsd: number('costMicroUsd'),
      savedMicroUsd: number('savedMicroUsd'),
      isUnpriced: number('unpriced') > 0,
      hasUsage: number('users') > 0,
    },
    runs,
    waits,
  }
}
