import { serveGuarded } from './guarded-server.ts'
import type { Service } from './service.ts'
import type { Keys } from './signature.ts'

const PATH = /^\/2015-03-31\/event-source-mappings\/([^/?]+)\/?$/

/**
 * The one call of Lambda's own API that a function makes, `UpdateEventSourceMapping`, over its real protocol.
 *
 * @param turn turns an event source off or on; false when there is none of that id.
 */
export const startControl = (turn: (id: string, isOn: boolean) => boolean, keys: Keys): Promise<Service> =>
  serveGuarded(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = (status: number, body: object, errorType?: string) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(errorType ? { 'x-amzn-errortype': errorType } : {}),
      })
      response.end(JSON.stringify(body))
    }
    const [, id] = PATH.exec(request.url ?? '') ?? []
    if (request.method !== 'PUT' || !id)
      return answer(
        400,
        { Message: `${request.method} ${request.url} is not known to the local runtime` },
        'InvalidParameterValueException',
      )
    const { Enabled } = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as { Enabled?: boolean }
    const UUID = decodeURIComponent(id)
    if (Enabled !== undefined && !turn(UUID, Enabled))
      return answer(404, { Message: `There is no event source ${UUID}` }, 'ResourceNotFoundException')
    answer(202, { UUID, State: Enabled ? 'Enabling' : 'Disabling' })
  }, keys)
