import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { TaskKey } from '../../domain/task.ts'
import {
  costEntry,
  type Join,
  sumOfCosts,
  type Workflow,
  type WorkflowStatus,
} from '../../domain/workflow/workflow.ts'
import type { JoinPlace, WorkflowStore } from '../../ports/workflow-store.ts'
import { createdKey, dueShard, parseKey, type Row } from './row.ts'
import { VersionedRows } from './versioned-rows.ts'

/** The table deletes joins of workflows that were not retried for this long. */
const JOIN_TTL_SECONDS = 60 * 86_400
/** Keys of one BatchGetItem. */
const BATCH = 100

/** The tenant is part of the key, so that no query or bug below can reach another tenant's workflow. */
const keyOf = ({ tenant, id }: TaskKey): Row => ({ pk: `W#${encodeURIComponent(tenant)}#${id}`, sk: 'W' })

/** One partition per shard, so that 10,000 tasks that end at once do not write to the same one. */
const joinKey = (
  { workflow: { tenant, id }, epoch, node }: Omit<JoinPlace, 'shard'>,
  shard: number | 'full',
): Row => ({
  pk: `W#${encodeURIComponent(tenant)}#${id}#${node}#${shard}`,
  sk: `J#${epoch}`,
})

const listPartition = (tenant: string): string => `W#${tenant}`

function toRow(workflow: Workflow): Row {
  const { tenant, ttl, ...rest } = workflow
  return {
    ...rest,
    // A Map, because a step may be named `constructor`, and the SDK treats objects with such a field as class instances.
    nodes: new Map(Object.entries(workflow.nodes)),
    signals: new Map(Object.entries(workflow.signals)),
    owner: tenant,
    // The list index has one partition for each tenant's tasks, and another for its workflows.
    listShard: listPartition(tenant),
    createdKey: createdKey(workflow.createdAt, workflow.id),
    ...(ttl === undefined ? {} : { ttl, [TABLE.ttl]: ttl }),
    ...(workflow.dueAt === undefined ? {} : { dueShard: dueShard('timed', workflow.id) }),
  }
}

function fromRow(row: Row): Workflow {
  const { pk, sk, listShard, createdKey, dueShard, writeId, owner, [TABLE.ttl]: reapAt, ...rest } = row
  return { ...rest, tenant: owner } as unknown as Workflow
}

export class DynamoWorkflowStore implements WorkflowStore {
  readonly #now: () => number
  readonly #rows: VersionedRows<Workflow>

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#now = now
    this.#rows = new VersionedRows(client, table, now, writeId, { keyOf, toRow, fromRow })
  }

  create(workflow: Workflow) {
    return this.#rows.create(workflow)
  }

  get(key: TaskKey): Promise<Workflow | undefined> {
    return this.#rows.get(key)
  }

  replace(seen: Workflow, next: Workflow): Promise<boolean> {
    return this.#rows.replace(seen, next)
  }

  async addToJoin(
    place: JoinPlace,
    index: number,
    isCompleted: boolean,
    costMicroUsd: number | null,
  ): Promise<number> {
    // Tasks without a model call cost nothing and need no entry.
    const cost = costMicroUsd === 0 ? undefined : costEntry(index, costMicroUsd)
    const added = `${isCompleted ? '#completed' : '#failed'} :index${cost ? ', #costs :costs' : ''}`
    const row = await this.#add(
      joinKey(place, place.shard),
      `ADD ${added}${isCompleted ? ' DELETE #failed :index' : ''}`,
      index,
      {
        ...(isCompleted ? { '#completed': 'completed' } : {}),
        ...(cost ? { '#costs': 'costs' } : {}),
        '#failed': 'failed',
      },
      cost ? { ':costs': new Set([cost]) } : {},
    )
    const { completed, failed } = joinOf(row)
    return new Set([...completed, ...failed]).size
  }

  async addFullShard(place: JoinPlace): Promise<number> {
    const row = await this.#add(joinKey(place, 'full'), 'ADD #full :index', place.shard, { '#full': 'full' })
    return setOf(row.full).size
  }

  async readJoin(place: Omit<JoinPlace, 'shard'>, shards: number): Promise<Join> {
    const keys = Array.from({ length: shards }, (_, shard) => joinKey(place, shard))
    const completed = new Set<number>()
    const failed = new Set<number>()
    const costs: string[] = []
    for (let start = 0; start < keys.length; start += BATCH) {
      const rows = await this.#rows.table.readMany(keys.slice(start, start + BATCH), { ConsistentRead: true })
      for (const row of rows) {
        const join = joinOf(row)
        for (const index of join.completed) completed.add(index)
        for (const index of join.failed) failed.add(index)
        if (row.costs instanceof Set) costs.push(...(row.costs as Set<string>))
      }
    }
    for (const index of completed) failed.delete(index)
    return { completed, failed, costMicroUsd: sumOfCosts(costs) }
  }

  async list(tenant: string, filter: { readonly status?: WorkflowStatus }, limit: number, cursor?: string) {
    const found: Workflow[] = []
    let ExclusiveStartKey: Row | undefined
    do {
      const answer = await this.#rows.table.call('list', (client) =>
        client.send(
          new QueryCommand({
            TableName: this.#rows.table.name,
            IndexName: TABLE.listIndex.name,
            KeyConditionExpression: `listShard = :shard${cursor === undefined ? '' : ' AND createdKey < :cursor'}`,
            ExpressionAttributeValues: {
              ':shard': listPartition(tenant),
              ...(cursor === undefined ? {} : { ':cursor': cursor }),
            },
            ScanIndexForward: false,
            Limit: Math.min(100, limit + 1),
            ExclusiveStartKey,
          }),
        ),
      )
      // The rows are read by key, because the index lags and has only keys.
      const rows = await Promise.all((answer.Items ?? []).map(({ pk }) => this.get(parseKey(String(pk)))))
      for (const row of rows)
        if (row && (filter.status === undefined || row.status === filter.status)) found.push(row)
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey && found.length <= limit)
    const workflows = found.slice(0, limit)
    const last = workflows.at(-1)
    return found.length > limit && last
      ? { workflows, cursor: createdKey(last.createdAt, last.id) }
      : { workflows }
  }

  async #add(
    Key: Row,
    expression: string,
    index: number,
    names: Record<string, string>,
    values: Row = {},
  ): Promise<Row> {
    const update = new UpdateCommand({
      TableName: this.#rows.table.name,
      Key,
      UpdateExpression: `${expression} SET #ttl = if_not_exists(#ttl, :ttl)`,
      ExpressionAttributeNames: { ...names, '#ttl': TABLE.ttl },
      ExpressionAttributeValues: {
        ...values,
        ':index': new Set([index]),
        ':ttl': Math.floor(this.#now() / 1_000) + JOIN_TTL_SECONDS,
      },
      ReturnValues: 'ALL_NEW',
    })
    const { Attributes = {} } = await this.#rows.table.call('join', (client) => client.send(update))
    return Attributes
  }
}

const setOf = (value: unknown): ReadonlySet<number> =>
  value instanceof Set ? new Set([...value].map(Number)) : new Set()

const joinOf = ({ completed, failed }: Row): Pick<Join, 'completed' | 'failed'> => ({
  completed: setOf(completed),
  failed: setOf(failed),
})
