import { createHmac } from 'node:crypto'
import { decodeProtectedHeader, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { COOL_DOWN_MS, KEY_SET_FRESH_MS, STALE_MS } from '../../functions/core/adapters/oidc/issuer-keys.ts'
import { OidcTokenVerifier } from '../../functions/core/adapters/oidc/token-verifier.ts'
import { UnavailableError } from '../../functions/core/domain/errors.ts'
import type { TokenIssuer } from '../../functions/core/domain/token-issuer.ts'
import { local } from '../../lib/stages/local.ts'
import { stageSchema } from '../../lib/stages/stage-schema.ts'
import { startTokenIssuer } from '../fixtures/token-issuer.ts'

/** A real issuer on loopback; the tokens are signed for real. */
let issuer: Awaited<ReturnType<typeof startTokenIssuer>>
beforeAll(async () => {
  issuer = await startTokenIssuer()
})
afterAll(() => issuer.stop())
beforeEach(() => {
  Object.assign(issuer.served, { keys: [issuer.first.jwk], discovery: {}, isDown: false, calls: 0 })
})

const NOW = Date.now()

function world(settings: Partial<TokenIssuer> = {}) {
  const clock = { at: NOW }
  const known: TokenIssuer = {
    name: 'sso',
    issuer: issuer.url,
    audiences: ['taskrunner'],
    audienceClaim: 'aud',
    algorithms: ['ES256'],
    tenantClaim: 'tenant',
    scopesClaim: 'scope',
    scopePrefix: '',
    maxScopes: ['tasks:read', 'tasks:write'],
    ...settings,
  }
  const tokens = new OidcTokenVerifier([known], () => clock.at)
  return { clock, verify: (token: string) => tokens.verify(token) }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (at: number) => Math.floor(at / 1_000)

describe('a token of a known issuer', () => {
  it('authenticates the tenant, subject and scopes of its claims', async () => {
    const { verify } = world()
    expect(await verify(await issuer.sign())).toEqual({
      tenant: 'acme',
      keyId: 'sso:somebody',
      scopes: ['tasks:read', 'tasks:write'],
    })
    expect(await verify(await issuer.sign({ scope: ['tasks:read'] }))).toMatchObject({
      scopes: ['tasks:read'],
    })
    expect(await verify(await issuer.sign({ scope: undefined }))).toMatchObject({ scopes: [] })
  })

  it('gives only scopes that the stage allows for its issuer', async () => {
    const { verify } = world({ scopePrefix: 'api/' })
    const claims = { scope: 'api/tasks:read api/keys:admin tasks:write' }
    expect((await verify(await issuer.sign(claims)))?.scopes).toEqual(['tasks:read'])
  })

  it('makes nobody an operator, and names no tenant with a separator of row keys', async () => {
    const { verify } = world()
    for (const tenant of [
      'default',
      '',
      ' ',
      'a#b',
      'a/b',
      '../a',
      'K#x',
      7,
      ['acme'],
      null,
      undefined,
      'a'.repeat(65),
    ])
      expect([tenant, await verify(await issuer.sign({ tenant }))]).toEqual([tenant, undefined])
    const fixed = world({ tenant: 'default', tenantClaim: undefined })
    expect((await fixed.verify(await issuer.sign({ tenant: 'acme' })))?.tenant).toBe('default')
  })

  it('names this stage in another claim where its issuer has no audience', async () => {
    const { verify } = world({ audienceClaim: 'client_id' })
    expect(await verify(await issuer.sign({ aud: undefined, client_id: 'taskrunner' }))).toBeDefined()
    expect(await verify(await issuer.sign({ client_id: 'another' }))).toBeUndefined()
  })
})

describe('a token that is wrong', () => {
  it('is refused when it is expired, not yet valid, for another audience, of another issuer, or lacks a claim', async () => {
    const { verify } = world()
    const wrong = [
      { exp: seconds(NOW) - 60 },
      { nbf: seconds(NOW) + 60 },
      { aud: 'another' },
      { aud: [] },
      { aud: undefined },
      { iss: 'https://issuer.example.com' },
      { iss: `${issuer.url}/` },
      { iss: undefined },
      { exp: undefined },
      { sub: undefined },
      { sub: 7 as never },
    ]
    for (const claims of wrong)
      expect([claims, await verify(await issuer.sign(claims))]).toEqual([claims, undefined])
    expect(issuer.served.calls).toBeLessThanOrEqual(2)
  })

  it('is refused without a signature, and with the public key as a shared secret', async () => {
    const { verify } = world()
    const token = await issuer.sign()
    const [, claims = '', signature = ''] = token.split('.')
    const header = decodeProtectedHeader(token)
    for (const alg of ['none', 'None', 'NONE', '', undefined])
      for (const end of ['', signature])
        expect(await verify(`${part({ ...header, alg })}.${claims}.${end}`)).toBeUndefined()
    const secrets = [
      await exportSPKI(issuer.first.publicKey),
      JSON.stringify(issuer.first.jwk),
      String(issuer.first.jwk.x),
      '',
    ]
    for (const secret of secrets) {
      const signed = `${part({ ...header, alg: 'HS256' })}.${claims}`
      const mac = createHmac('sha256', secret).update(signed).digest('base64url')
      expect(await verify(`${signed}.${mac}`)).toBeUndefined()
    }
  })

  it('is refused with changed claims, with a key that it contains itself, and when it is not a token', async () => {
    const { verify } = world()
    const token = await issuer.sign()
    const [head = '', claims = '', signature = ''] = token.split('.')
    const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')), tenant: 'other' }
    const own = await issuer.newKey('own')
    const signedByOwn = await issuer.sign({}, { ...own, kid: 'one' })
    const [, , ownSignature = ''] = signedByOwn.split('.')
    const bringing = { alg: 'ES256', kid: 'one', jwk: own.jwk, jku: `${issuer.url}/jwks`, x5u: issuer.url }
    const wrong = [
      `${head}.${part(changed)}.${signature}`,
      signedByOwn,
      `${part(bringing)}.${claims}.${ownSignature}`,
      `${part({ alg: 'ES256', kid: 'one', crit: ['exp'] })}.${claims}.${signature}`,
      `${head}.${claims}`,
      `${head}.${claims}.${signature}.`,
      `${head}.${claims}.`,
      `${head}..${signature}`,
      'a.b.c',
      'e30.e30.e30',
      `${token}=`,
      ` ${token}`,
      `${'a'.repeat(9_000)}.e30.e30`,
    ]
    for (const each of wrong)
      expect([each.slice(0, 60), await verify(each)]).toEqual([each.slice(0, 60), undefined])
  })
})

describe('a key of another type', () => {
  it('makes no token valid, whatever the issuer serves under its id', async () => {
    const secret = Buffer.from('a shared secret of thirty-two by')
    const symmetric = { kty: 'oct', k: secret.toString('base64url'), kid: 'one' }
    const rsa = await generateKeyPair('RS256', { extractable: true })
    const curve = await generateKeyPair('ES384', { extractable: true })
    const [rsaJwk, curveJwk] = [await exportJWK(rsa.publicKey), await exportJWK(curve.publicKey)]
    const claims = { iss: issuer.url, aud: 'taskrunner', sub: 'x', tenant: 'acme', scope: 'tasks:read' }
    const signed = (alg: string, key: CryptoKey | Uint8Array, header: object = {}) =>
      new SignJWT(claims)
        .setExpirationTime('5m')
        .setProtectedHeader({ alg, kid: 'one', ...header })
        .sign(key)
    const served = [
      [symmetric],
      [{ ...symmetric, alg: 'HS256' }],
      [{ ...symmetric, alg: 'ES256', use: 'sig' }],
      [{ ...rsaJwk, kid: 'one' }],
      [{ ...rsaJwk, kid: 'one', alg: 'ES256' }],
      [{ ...curveJwk, kid: 'one', alg: 'ES256' }],
      [{ ...issuer.first.jwk, use: 'enc' }],
      [{ ...issuer.first.jwk, key_ops: ['encrypt'] }],
      [],
      [null, 7, {}],
      [{ ...symmetric }, { ...rsaJwk, kid: 'one' }, { ...curveJwk, kid: 'one' }],
    ]
    const tokens = [
      await signed('HS256', secret),
      await signed('RS256', rsa.privateKey),
      await signed('ES384', curve.privateKey),
      // Its header names the stage's algorithm, its signature uses another.
      (await signed('HS256', secret)).replace(/^[^.]+/, part({ alg: 'ES256', kid: 'one' })),
      await signed('ES256', (await issuer.newKey('one')).privateKey),
      await signed('ES256', (await issuer.newKey('one')).privateKey, { kid: undefined }),
      await signed('ES256', (await issuer.newKey('x')).privateKey, { kid: '../../jwks' }),
    ]
    for (const keys of served) {
      issuer.served.keys = keys as object[]
      const { verify } = world()
      for (const [index, token] of tokens.entries()) {
        const answer = await verify(token).catch((cause: Error) => cause.name)
        expect([JSON.stringify(keys).slice(0, 60), index, answer ?? 'refused']).toEqual([
          JSON.stringify(keys).slice(0, 60),
          index,
          // Without any usable key the answer is not that the token is wrong.
          expect.stringMatching(/^(refused|UnavailableError)$/),
        ])
      }
    }
  })

  it('a token that one issuer made for another issuer of the same stage is refused', async () => {
    const other = await startTokenIssuer()
    const settings = { audienceClaim: 'aud', algorithms: ['ES256'], scopesClaim: 'scope', scopePrefix: '' }
    const of = (name: string, url: string, tenant: string): TokenIssuer => ({
      ...{ ...settings, name, issuer: url, audiences: [name], tenant, maxScopes: ['tasks:read'] },
    })
    const tokens = new OidcTokenVerifier([of('a', issuer.url, 'one'), of('b', other.url, 'two')], () => NOW)
    expect((await tokens.verify(await issuer.sign({ aud: 'a' })))?.tenant).toBe('one')
    expect((await tokens.verify(await other.sign({ aud: 'b' })))?.tenant).toBe('two')
    // Each issuer signs with the other's name, audience and key id.
    for (const token of [
      await issuer.sign({ iss: other.url, aud: 'b' }),
      await other.sign({ iss: issuer.url, aud: 'a' }),
      await issuer.sign({ aud: 'b' }),
      await other.sign({ aud: 'a' }),
      await issuer.sign({ iss: [issuer.url, other.url], aud: ['a', 'b'] }),
    ])
      expect(await tokens.verify(token)).toBeUndefined()
    await other.stop()
  })
})

describe('the keys of an issuer', () => {
  it('are fetched once for many tokens, and again when they are replaced', async () => {
    const { verify, clock } = world()
    const token = await issuer.sign()
    const all = await Promise.all(Array.from({ length: 20 }, () => verify(token)))
    expect(all.filter((found) => found !== undefined)).toHaveLength(20)
    expect(issuer.served.calls).toBe(2)
    const next = await issuer.newKey('two')
    issuer.served.keys = [next.jwk]
    // A new key id causes a fetch, at most once per interval.
    expect(await verify(await issuer.sign({}, next))).toBeUndefined()
    clock.at += COOL_DOWN_MS
    expect(await verify(await issuer.sign({}, next))).toBeDefined()
    // A withdrawn key gives no access from then on.
    expect(await verify(token)).toBeUndefined()
    expect(issuer.served.calls).toBe(4)
  })

  it('that are withdrawn are accepted for at most five minutes more', async () => {
    const { verify, clock } = world()
    const token = await issuer.sign({ exp: seconds(NOW) + 3_600 })
    expect(await verify(token)).toBeDefined()
    issuer.served.keys = []
    clock.at += KEY_SET_FRESH_MS - 1
    expect(await verify(token)).toBeDefined()
    clock.at += 1
    expect(await verify(token)).toBeUndefined()
  })

  it('are not fetched again and again for invented key ids', async () => {
    const { verify } = world()
    const token = await issuer.sign()
    expect(await verify(token)).toBeDefined()
    const flood = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        issuer.sign({}, { ...issuer.first, kid: `made-up-${index}` }),
      ),
    )
    for (const each of flood) expect(await verify(each)).toBeUndefined()
    expect(issuer.served.calls).toBe(2)
  })

  it('are used for an hour while the issuer is down; without them the answer is 503, not 401', async () => {
    const { verify, clock } = world()
    const token = await issuer.sign({ exp: seconds(NOW) + 2 * 3_600 })
    expect(await verify(token)).toBeDefined()
    issuer.served.isDown = true
    clock.at += STALE_MS - 1
    expect(await verify(token)).toBeDefined()
    clock.at += 1
    await expect(verify(token)).rejects.toThrow(UnavailableError)
    issuer.served.calls = 0
    const fresh = world()
    for (let call = 0; call < 5; call += 1)
      await expect(fresh.verify(token)).rejects.toThrow(UnavailableError)
    expect(issuer.served.calls).toBe(1)
    issuer.served.isDown = false
    fresh.clock.at += COOL_DOWN_MS
    expect(await fresh.verify(token)).toBeDefined()
  })

  it('are not taken from a document of another issuer', async () => {
    const { verify } = world()
    issuer.served.discovery = { issuer: 'https://issuer.example.com' }
    await expect(verify(await issuer.sign())).rejects.toThrow(UnavailableError)
  })
})

describe('the issuers of a stage', () => {
  const stage = local({ AUTH: 'keys' })
  const with_ = (given: object) =>
    stageSchema.safeParse({ ...stage, api: { ...stage.api, issuers: [{ ...sso, ...given }] } })
  const sso = {
    name: 'sso',
    issuer: 'https://sso.example.com',
    audiences: ['taskrunner'],
    tenantClaim: 'tenant',
  }

  it('are limited to public-key signatures, one source of the tenant, and https', () => {
    expect(with_({}).success).toBe(true)
    for (const wrong of [
      { algorithms: ['HS256'] },
      { algorithms: ['none'] },
      { algorithms: [] },
      { audiences: [] },
      { issuer: 'http://sso.example.com' },
      { issuer: 'http://localhost.example.com' },
      { tenant: 'acme' },
      { tenantClaim: undefined },
      { maxScopes: ['everything'] },
    ])
      expect([wrong, with_(wrong).success]).toEqual([wrong, false])
    const open = local({ TOKEN_ISSUERS: JSON.stringify([sso]) })
    expect(stageSchema.safeParse(open).error?.issues[0]?.message).toContain('needs auth "keys"')
    expect(() => local({ TOKEN_ISSUERS: '[' })).toThrow('TOKEN_ISSUERS is no JSON')
  })
})
