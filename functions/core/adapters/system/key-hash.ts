import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { RequestError } from '../../domain/errors.ts'
import type { KeyHash } from '../../ports/key-store.ts'

/** Hashes use a pepper that no table contains, so that a stolen table cannot be searched by trying values. */
export const createKeyHash = (readPepper: () => Promise<string | undefined>): KeyHash => ({
  newSecret: () => randomBytes(32).toString('base64url'),
  digest: async (id, secret) => {
    const pepper = await readPepper()
    if (!pepper)
      throw new RequestError(
        'wrong_state',
        'This stage has no parameter key-pepper. "npm run deploy" makes it for a stage whose setting api.auth is "keys".',
      )
    // The id is part of the hash, so that a hash copied to another key's row does not work.
    return createHmac('sha256', pepper).update(`${id}:${secret}`).digest('base64url')
  },
  isSame: (one, other) => {
    const [a, b] = [Buffer.from(one), Buffer.from(other)]
    return a.length === b.length && timingSafeEqual(a, b)
  },
})
