import { createHash, randomBytes } from 'node:crypto'
import type { Ids } from '../../ports/clock.ts'

// Crockford's alphabet in lower case: without i, l, o, u, so that ids can be read aloud without confusion.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

function encode(value: bigint, length: number): string {
  let text = ''
  for (let index = 0, rest = value; index < length; index += 1, rest >>= 5n)
    text = ALPHABET[Number(rest & 31n)] + text
  return text
}

const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

/** Ids of 26 characters: 48 bits of time and 80 random bits, or 130 bits of a hash. */
export function createIds(now: () => number): Ids {
  return {
    taskId: () => encode((BigInt(now()) << 80n) | toBigInt(randomBytes(10)), 26),
    // With the length first, so that ("a", "bc") and ("ab", "c") give different ids.
    derivedTaskId: (tenant, idempotencyKey) =>
      encode(
        toBigInt(createHash('sha256').update(`${tenant.length}:${tenant}:${idempotencyKey}`).digest()) >>
          126n,
        26,
      ),
    token: () => randomBytes(12).toString('base64url'),
    trace: () => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    spanId: () => randomBytes(8).toString('hex'),
  }
}
