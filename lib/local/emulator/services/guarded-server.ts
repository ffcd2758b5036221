import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { refusalOf } from '../guard.ts'
import type { Service } from './service.ts'
import { isSigned, type Keys } from './signature.ts'

/** Lets through what no foreign page has sent and one of the keys has signed; a preflight carries nothing and is not signed. */
export const guarded =
  (handle: RequestListener, keys: Keys): RequestListener =>
  (request, response) => {
    const refusal =
      refusalOf(request) ??
      (request.method !== 'OPTIONS' && !isSigned(request, keys)
        ? 'The request is not signed with the credentials of this run.'
        : undefined)
    if (refusal === undefined) return handle(request, response)
    response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0', connection: 'close' })
    response.end(JSON.stringify({ __type: 'AccessDeniedException', message: refusal }))
  }

/** A service on a loopback port of its own, for who knows the keys. */
export async function serveGuarded(handle: RequestListener, keys: Keys): Promise<Service> {
  const server = createServer(guarded(handle, keys))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
