import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { refusalOf } from '../guard.ts'
import { KEEP_ALIVE_MS } from '../keep-alive.ts'
import { toReadableMessage } from '../readable-message.ts'
import type { Service } from './service.ts'
import { isSigned, type Keys } from './signature.ts'

/** Allows requests that no foreign page sent and that one of the keys signed; preflights have no content and are not signed. */
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

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown

/** An error fails only its call: a full disk, or an invalid body, must not end the runtime. */
const contained =
  (handle: Handle): RequestListener =>
  async (request, response) => {
    try {
      await handle(request, response)
    } catch (cause) {
      if (response.headersSent) response.destroy()
      else {
        response.writeHead(500, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ __type: 'InternalFailure', message: toReadableMessage(cause) }))
      }
    }
  }

/** A service on a loopback port, for callers with one of the keys. */
export async function serveGuarded(handle: Handle, keys: Keys): Promise<Service> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, guarded(contained(handle), keys))
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
