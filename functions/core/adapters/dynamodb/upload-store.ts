import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { TaskKey } from '../../domain/task.ts'
import type { Upload } from '../../domain/upload.ts'
import type { UploadStore } from '../../ports/upload-store.ts'
import { type Row, keyOf as taskKeyOf, UPLOAD_SORT_KEY } from './row.ts'
import { VersionedRows } from './versioned-rows.ts'

/** The table deletes the row this much later itself, in case the daily cleanup, which deletes the object first, fails. */
const CLEANUP_SECONDS = 3 * 86_400

const keyOf = (key: TaskKey): Row => ({ ...taskKeyOf(key), sk: UPLOAD_SORT_KEY })

function toRow({ tenant, ...rest }: Upload): Row {
  // Not `tenant`, which is the list index's partition key: uploads must not be listed among tasks.
  return { ...rest, owner: tenant, reapAt: rest.ttl + CLEANUP_SECONDS }
}

function fromRow(row: Row): Upload {
  const { pk: _pk, sk: _sk, owner, writeId: _writeId, reapAt: _reapAt, ...rest } = row
  return { ...rest, tenant: owner } as unknown as Upload
}

export class DynamoUploadStore implements UploadStore {
  readonly #rows: VersionedRows<Upload>

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#rows = new VersionedRows(client, table, now, writeId, { keyOf, toRow, fromRow })
  }

  create(upload: Upload) {
    return this.#rows.create(upload)
  }

  get(key: TaskKey): Promise<Upload | undefined> {
    return this.#rows.get(key)
  }

  replace(seen: Upload, next: Upload): Promise<boolean> {
    return this.#rows.replace(seen, next)
  }
}
