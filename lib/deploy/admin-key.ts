import { API_BASE, OPEN_TENANT, SCOPES } from '../../functions/contract.ts'

/** Invokes the function of keys directly, without the API: only the owner of the account, or of this machine, can do that. */
export type InvokeKeys = (event: object) => Promise<unknown>

export interface AdminKey {
  readonly id: string
  /** Shown to the operator who deploys, and not stored. */
  readonly key: string
}

interface KeyJson extends AdminKey {
  readonly scopes: readonly string[]
  readonly revoked_at: string | null
  readonly expires_at: string | null
}

/**
 * Creates a key with every scope for the operators, unless they have one.
 *
 * @param isWanted create one in any case, because the first was lost.
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
 * Creates a key for a step of a deployment, e.g. its smoke test. It never leaves this process.
 *
 * @returns the key, and a function that revokes it.
 */
export async function makeJobKey(
  invoke: InvokeKeys,
  name: string,
): Promise<{ readonly key: string; readonly revoke: () => Promise<void> }> {
  // If it is not revoked, it expires by itself.
  const made = await call<KeyJson>(invoke, 'POST', { name, scopes: SCOPES, expires_in_days: 1 })
  return {
    key: made.key,
    revoke: async () => {
      await call(invoke, 'DELETE', undefined, made.id)
    },
  }
}

/** The event of the gateway for a caller whom the authorizer found to be an operator. */
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
