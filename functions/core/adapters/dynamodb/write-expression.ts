/** Converts a transition into one conditional update. */
import type { UpdateCommandInput } from '@aws-sdk/lib-dynamodb'
import type { TaskKey } from '../../domain/task.ts'
import type { Guard, Transition } from '../../domain/transitions.ts'
import { attributeOf, dueShard, keyOf, stateShard } from './row.ts'

/** Collects names and values, so that an attribute name that is a reserved word causes no error. */
class Placeholders {
  readonly names: Record<string, string> = {}
  readonly values: Record<string, unknown> = {}

  name(field: string): string {
    const placeholder = `#${field}`
    this.names[placeholder] = attributeOf(field)
    return placeholder
  }

  value(value: unknown): string {
    const placeholder = `:v${Object.keys(this.values).length}`
    this.values[placeholder] = value
    return placeholder
  }
}

/**
 * @param writeId identifies this write, see `Task.writeId`.
 * @param now rows whose `ttl` is before it count as deleted.
 */
export function toUpdate(
  TableName: string,
  key: TaskKey,
  transition: Transition,
  writeId: string,
  now: number,
): UpdateCommandInput {
  const use = new Placeholders()
  const sets: string[] = []
  const removes = (transition.remove ?? []).map((field) => use.name(field === 'dueKind' ? 'dueShard' : field))
  for (const [field, value] of Object.entries({ ...transition.set, writeId })) {
    if (field === 'dueKind')
      sets.push(`${use.name('dueShard')} = ${use.value(dueShard(value as 'queued', key.id))}`)
    else sets.push(`${use.name(field)} = ${use.value(value)}`)
  }
  const { status } = transition.set
  if (status) {
    const shard = stateShard(key, status)
    if (shard) sets.push(`${use.name('stateShard')} = ${use.value(shard)}`)
    else removes.push(use.name('stateShard'))
  }
  if (transition.beginsAttempt) {
    const attempt = use.name('attempt')
    sets.push(`${attempt} = ${attempt} + ${use.value(1)}`)
  }
  if (transition.record) {
    const history = use.name('history')
    sets.push(
      `${history} = list_append(if_not_exists(${history}, ${use.value([])}), ${use.value([transition.record])})`,
    )
  }
  const ConditionExpression = condition(use, transition.when, now)
  return {
    TableName,
    Key: keyOf(key),
    UpdateExpression: `SET ${sets.join(', ')}${removes.length ? ` REMOVE ${removes.join(', ')}` : ''}`,
    ConditionExpression,
    ExpressionAttributeNames: use.names,
    ExpressionAttributeValues: use.values,
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

function condition(use: Placeholders, when: Guard, now: number): string {
  const parts = [
    `${use.name('status')} IN (${when.statuses.map((status) => use.value(status)).join(', ')})`,
    `(attribute_not_exists(${use.name('ttl')}) OR ${use.name('ttl')} > ${use.value(Math.floor(now / 1_000))})`,
  ]
  const compare = (field: string, operator: string, value: unknown) =>
    value !== undefined && parts.push(`${use.name(field)} ${operator} ${use.value(value)}`)
  compare('epoch', '=', when.epoch)
  compare('token', '=', when.token)
  compare('dueAt', '=', when.dueAt)
  compare('claimableFrom', '<=', when.claimableFromAtMost)
  compare('startBy', '<=', when.startByAtMost)
  if (when.startByAfter !== undefined) {
    const startBy = use.name('startBy')
    parts.push(`(attribute_not_exists(${startBy}) OR ${startBy} > ${use.value(when.startByAfter)})`)
  }
  for (const step of when.nonePendingOf ?? [])
    parts.push(`(NOT contains(${use.name('pending')}, ${use.value(step)}))`)
  if (when.hasAttemptsLeft) parts.push(`${use.name('attempt')} < ${use.name('maxAttempts')}`)
  return parts.join(' AND ')
}
