/** How a task is stored. Attributes have the names of the task's fields, except `STORED_AS`; keys and shards are computed. */
import { TABLE } from '../../../contract.ts'
import type { DueKind, Status, Task, TaskKey } from '../../domain/task.ts'

export type Row = Record<string, unknown>

/** Fields stored under another name, which rows and workers of earlier versions use. */
const STORED_AS: Readonly<Record<string, string>> = { claimableFrom: 'heldUntil' }

export const attributeOf = (field: string): string => STORED_AS[field] ?? field

/** The tenant is part of the key, so that no query, filter or bug below can reach another tenant's row. */
export const keyOf = ({ tenant, id }: TaskKey): Row => ({
  pk: `T#${encodeURIComponent(tenant)}#${id}`,
  sk: 'S',
})

/** Sort key of an upload's row, different from that of a task with the same id. */
export const UPLOAD_SORT_KEY = 'U'

/** DynamoDB's limits. */
const [PARTITION_KEY_BYTES, SORT_KEY_BYTES] = [2_048, 1_024]

/** Whether a key has a valid length; the table refuses any other as an invalid request. */
export const isValidKey = ({ pk, sk }: Row): boolean =>
  Buffer.byteLength(String(pk)) <= PARTITION_KEY_BYTES && Buffer.byteLength(String(sk)) <= SORT_KEY_BYTES

export const hasValidKey = (key: TaskKey): boolean => isValidKey(keyOf(key))

/** @returns the key in an index entry's `pk`, of a task, a workflow or a delivery. */
export function parseKey(pk: string): TaskKey {
  const [, tenant = '', id = ''] = pk.split('#')
  return { tenant: decodeURIComponent(tenant), id }
}

/** Sorts by time of creation and is unique, so that a page can start after any row. */
export const createdKey = (createdAt: number, id = ''): string =>
  `${String(createdAt).padStart(14, '0')}#${id}`

export const dueShards = (kind: DueKind): readonly string[] =>
  Array.from({ length: TABLE.dueShards }, (_, shard) => `${kind}#${shard}`)

/** By the last two characters, which are random in every id. */
export const shardOf = (id: string, shards: number): number =>
  (id.charCodeAt(id.length - 1) + id.charCodeAt(id.length - 2)) % shards

export const dueShard = (kind: DueKind, id: string): string => `${kind}#${shardOf(id, TABLE.dueShards)}`

/**
 * A status's partition in the state index. PENDING and PROCESSING share one, and COMPLETED has none, so that a task that
 * simply completes is written to the index once and removed once.
 */
const STATE_OF: Readonly<Record<Status, string | undefined>> = {
  SCHEDULED: 'SCHEDULED',
  PENDING: 'QUEUED',
  PROCESSING: 'QUEUED',
  RETRYING: 'RETRYING',
  COMPLETED: undefined,
  FAILED: 'FAILED',
  CANCELLED: 'CANCELLED',
  EXPIRED: 'EXPIRED',
}

const listPartition = (tenant: string, shard: number): string => `T#${encodeURIComponent(tenant)}#${shard}`

const statePartition = (tenant: string, status: Status, shard: number): string | undefined =>
  STATE_OF[status] && `T#${encodeURIComponent(tenant)}#${STATE_OF[status]}#${shard}`

/** @returns undefined for a status that is not in the index. */
export const stateShard = ({ tenant, id }: TaskKey, status: Status): string | undefined =>
  statePartition(tenant, status, shardOf(id, TABLE.listShards))

/** The index and its partitions that contain all of a tenant's tasks of a status, or of any status. */
export function partitionsOf(tenant: string, status: Status | undefined) {
  const shards = Array.from({ length: TABLE.listShards }, (_, shard) => shard)
  const ofStatus = status ? shards.flatMap((shard) => statePartition(tenant, status, shard) ?? []) : []
  return ofStatus.length > 0
    ? { index: TABLE.stateIndex, partitions: ofStatus }
    : { index: TABLE.listIndex, partitions: shards.map((shard) => listPartition(tenant, shard)) }
}

export function toRow(task: Task): Row {
  const { dueKind, claimableFrom, ...rest } = task
  const state = stateShard(task, task.status)
  return {
    ...keyOf(task),
    ...rest,
    [attributeOf('claimableFrom')]: claimableFrom,
    listShard: listPartition(task.tenant, shardOf(task.id, TABLE.listShards)),
    createdKey: createdKey(task.createdAt, task.id),
    ...(state ? { stateShard: state } : {}),
    ...(dueKind ? { dueShard: dueShard(dueKind, task.id) } : {}),
  }
}

export function fromRow(row: Row): Task {
  const { pk: _pk, sk: _sk, createdKey: _created, dueShard: shard, watchedUntil: _watched, ...others } = row
  const { listShard: _list, stateShard: _state, ...rest } = others
  const { [attributeOf('claimableFrom')]: claimableFrom, ...fields } = rest
  const task = { ...fields, claimableFrom } as unknown as Task
  return typeof shard === 'string' ? { ...task, dueKind: shard.split('#')[0] as DueKind } : task
}
