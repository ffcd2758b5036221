/**
 * `npm run bench:timing`: does the duration of an answer reveal a secret? Variants of one request are made in turn, so that
 * other load on the machine slows all of them equally. A ratio of medians near 1.00 means that it does not. For comparison, it
 * also measures a comparison that stops at the first difference.
 */
import { randomBytes } from 'node:crypto'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { createKeyHash } from '../../functions/core/adapters/system/key-hash.ts'
import { openAuthentication } from '../../functions/core/application/keys/authenticate.ts'
import { createKey, revokeKey } from '../../functions/core/application/keys/change-keys.ts'
import { toToken } from '../../functions/core/domain/api-key.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { MemoryKeys } from '../fixtures/memory-keys.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { median } from './driver.ts'

type Kinds = Readonly<Record<string, () => unknown>>

/** @param batch number of calls that are timed together, when one is too short for the clock. */
async function compare(title: string, kinds: Kinds, rounds: number, batch: number): Promise<void> {
  const names = Object.keys(kinds)
  const times = new Map(names.map((name) => [name, [] as number[]]))
  for (let round = -10; round < rounds; round += 1)
    // Another order each time, because the first request fills caches for the others.
    for (const name of names.toSorted(() => Math.random() - 0.5)) {
      const act = kinds[name] as () => unknown
      const from = performance.now()
      for (let count = 0; count < batch; count += 1) await act()
      if (round >= 0) times.get(name)?.push(((performance.now() - from) * 1_000) / batch)
    }
  const medians = names.map((name) => median(times.get(name) ?? []))
  console.log(`\n## ${title}\n\n| kind | median µs | ratio to the first |\n| --- | --- | --- |`)
  for (const [index, name] of names.entries()) {
    const ratio = (medians[index] ?? 0) / (medians[0] ?? 1)
    console.log(`| ${name} | ${medians[index]?.toFixed(2)} | ${ratio.toFixed(3)} |`)
  }
}

const keyHash = createKeyHash(async () => 'pepper')
const right = randomBytes(32).toString('base64url')
/** In separate memory, like a string that comes from a header. */
const flat = (text: string) => Buffer.from(text).toString()
const wrongAt = (place: number) =>
  flat(`${right.slice(0, place)}${right[place] === 'A' ? 'B' : 'A'}${right.slice(place + 1)}`)
const [first, last, same] = [wrongAt(0), wrongAt(right.length - 1), flat(right)]
const stopsEarly = (one: string, other: string) => {
  for (let place = 0; place < one.length; place += 1) if (one[place] !== other[place]) return false
  return true
}
await compare(
  'The comparison of two hashes',
  {
    'wrong in the first letter': () => keyHash.isSame(right, first),
    'wrong in the last letter': () => keyHash.isSame(right, last),
    'the same': () => keyHash.isSame(right, same),
  },
  2_000,
  200,
)
await compare(
  'For scale: a comparison that stops at the first difference',
  {
    'wrong in the first letter': () => stopsEarly(right, first),
    'wrong in the last letter': () => stopsEarly(right, last),
  },
  2_000,
  200,
)

const clock = { now: Date.now }
const needs = { keys: new MemoryKeys(), keyHash, clock, ids: createIds(clock.now) }
const operator = { tenant: 'default', keyId: undefined, scopes: ['tasks:read', 'keys:admin'] as const }
const good = await createKey(needs, operator, { name: 'x', scopes: ['tasks:read'] })
const revoked = await createKey(needs, operator, { name: 'x', scopes: ['tasks:read'] })
await revokeKey(needs, operator, revoked.key.id)
const authenticate = openAuthentication(needs)
const secret = good.token.slice(-43)
const other = (place: number) =>
  `${secret.slice(0, place)}${secret[place] === 'A' ? 'B' : 'A'}${secret.slice(place + 1)}`
const tokens = {
  'an id that is not there': flat(toToken('0'.repeat(26), secret)),
  'wrong in the first letter': flat(toToken(good.key.id, other(0))),
  'wrong in the last letter': flat(toToken(good.key.id, other(42))),
  revoked: revoked.token,
  good: good.token,
}
await compare(
  'Whether a key is valid, in the authorizer',
  Object.fromEntries(Object.entries(tokens).map(([name, token]) => [name, () => authenticate(token)])),
  2_000,
  20,
)

const running = await startTestRuntime({ AUTH: 'keys' }, { isGated: false })
const admin = (await makeAdminKey((event) => running.pool('Keys').invoke(event), Date.now()))?.key ?? ''
const call = async (method: string, path: string, key: string, body?: object) => {
  const answer = await fetch(`${running.url}/api/v1${path}`, {
    method,
    headers: { 'x-api-key': key, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return (await answer.json()) as { readonly id: string; readonly key: string }
}
const keyOf = async (tenant: string) =>
  (await call('POST', '/keys', admin, { name: 'x', tenant, scopes: ['tasks:read', 'tasks:write'] })).key
const [mine, theirs] = [await keyOf('a'), await keyOf('b')]
const task = { type: 'example.add', input: { x: 1, y: 2 } }
const made = {
  tasks: (await call('POST', '/tasks', mine, task)).id,
  workflows: (await call('POST', '/workflows', mine, { chain: [task] })).id,
  schedules: (await call('POST', '/schedules', mine, { task, rate_seconds: 86_400 })).id,
}
for (const [kind, id] of Object.entries(made))
  await compare(
    `GET /${kind}/{id} of the running product`,
    {
      'an id that is not there': () => call('GET', `/${kind}/${'0'.repeat(26)}`, theirs),
      'an id of another tenant': () => call('GET', `/${kind}/${id}`, theirs),
    },
    400,
    1,
  )
await running.stop()
