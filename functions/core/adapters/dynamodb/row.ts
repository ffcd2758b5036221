/** How a task lies in the table. Attribute names are the task's own, but for `STORED_AS`; keys and the due shard are computed. */
import { TABLE } from '../../../contract.ts'
import type { DueKind, Task, TaskKey } from '../../domain/task.ts'

export type Row = Record<string, unknown>

/** Fields whose attribute has another name: rows of earlier versions, and workers of one during a deploy, use it. */
const STORED_AS: Readonly<Record<string, string>> = { claimableFrom: 'heldUntil' }

export const attributeOf = (field: string): string => STORED_AS[field] ?? field

/** The tenant is part of the key: no query, filter or bug below can reach another tenant's row. */
export const keyOf = ({ tenant, id }: TaskKey): Row => ({
  pk: `T#${encodeURIComponent(tenant)}#${id}`,
  sk: 'S',
})

/** Sort key of an upload's row, beside which a task of the same id could stand. */
export const UPLOAD_SORT_KEY = 'U'

/** DynamoDB's limit of a partition key. */
const KEY_BYTES = 2_048

/** Whether there can be a row of this key at all; the table answers a longer one as a broken request. */
export const isKey = (key: TaskKey): boolean => Buffer.byteLength(String(keyOf(key).pk)) <= KEY_BYTES

/** @returns the key behind an index entry's `pk`, of a task, a workflow or a delivery alike. */
export function parseKey(pk: string): TaskKey {
  const [, tenant = '', id = ''] = pk.split('#')
  return { tenant: decodeURIComponent(tenant), id }
}

/** Sorts by creation and is unique, so that a page can start after any row. */
export const createdKey = (createdAt: number, id = ''): string =>
  `${String(createdAt).padStart(14, '0')}#${id}`

export const dueShards = (kind: DueKind): readonly string[] =>
  Array.from({ length: TABLE.dueShards }, (_, shard) => `${kind}#${shard}`)

export const dueShard = (kind: DueKind, id: string): string =>
  `${kind}#${(id.charCodeAt(id.length - 1) + id.charCodeAt(id.length - 2)) % TABLE.dueShards}`

export function toRow(task: Task): Row {
  const { dueKind, claimableFrom, ...rest } = task
  return {
    ...keyOf(task),
    ...rest,
    [attributeOf('claimableFrom')]: claimableFrom,
    createdKey: createdKey(task.createdAt, task.id),
    ...(dueKind ? { dueShard: dueShard(dueKind, task.id) } : {}),
  }
}

export function fromRow(row: Row): Task {
  const { pk: _pk, sk: _sk, createdKey: _created, dueShard: shard, watchedUntil: _watched, ...rest } = row
  const { [attributeOf('claimableFrom')]: claimableFrom, ...fields } = rest
  const task = { ...fields, claimableFrom } as unknown as Task
  return typeof shard === 'string' ? { ...task, dueKind: shard.split('#')[0] as DueKind } : task
}
