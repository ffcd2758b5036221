import { API_BASE, OPEN_TENANT, SCOPES } from '../../functions/contract.ts'

/** Calls the function that makes keys, past the API: whoever may do that owns the account, or this machine. */
export type InvokeKeys = (event: object) => Promise<unknown>

export interface AdminKey {
  readonly id: string
  /** Shown to whoever deploys and kept nowhere. */
  readonly key: string
}

interface KeyJson extends AdminKey {
  readonly scopes: readonly string[]
  readonly revoked_at: string | null
  readonly expires_at: string | null
}

/**
 * Makes a key with every scope for those who run the stage, unless they have one.
 *
 * @param isWanted make one all the same: the first was lost.
 * @returns undefined when there is one.
 */
export async function makeAdminKey(
  invoke: InvokeKeys,
  now: number,
  isWanted = false,
): Promise<AdminKey | undefined> {
  const { keys } = await call<{ keys: readonly KeyJson[] }>(invoke, 'GET')
  const isWorking = ({ scopes, revoked_at, expires_at }: KeyJson) =>
    scopes.includes('keys:admin') &&
    revoked_at === null &&
    (expires_at === null || Date.parse(expires_at) > now)
  if (!isWanted && keys.some(isWorking)) return undefined
  return call<KeyJson>(invoke, 'POST', { name: 'First administrator', scopes: SCOPES })
}

/**
 * Makes a key for something that a deployment does itself, e.g. its smoke test. It never leaves the process that asked.
 *
 * @returns the key, and what takes it back.
 */
export async function makeJobKey(
  invoke: InvokeKeys,
  name: string,
): Promise<{ readonly key: string; readonly revoke: () => Promise<void> }> {
  // Should nobody take it back, it ends by itself.
  const made = await call<KeyJson>(invoke, 'POST', { name, scopes: SCOPES, expires_in_days: 1 })
  return {
    key: made.key,
    revoke: async () => {
      await call(invoke, 'DELETE', undefined, made.id)
    },
  }
}

/** As the gateway would call it, for somebody whom its authorizer found to be an operator. */
async function call<Body>(invoke: InvokeKeys, httpMethod: string, body?: object, id?: string): Promise<Body> {
  const resource = `${API_BASE}/keys${id === undefined ? '' : '/{id}'}`
  const path = resource.replace('{id}', id ?? '')
  const answer = (await invoke({
    httpMethod,
    path,
    resource,
    headers: { 'content-type': 'application/json' },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: id === undefined ? null : { id },
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: {
      requestId: 'deploy',
      requestTimeEpoch: Date.now(),
      path,
      identity: {},
      authorizer: { tenant: OPEN_TENANT, scopes: SCOPES.join(' ') },
    },
  })) as { readonly statusCode?: number; readonly body?: string }
  const parsed = JSON.parse(answer.body || '{}') as { readonly detail?: string }
  if (!answer.statusCode || answer.statusCode >= 300)
    throw new Error(`No key could be made or revoked (${answer.statusCode}): ${parsed.detail ?? ''}`)
  return parsed as Body
}
