import { serveGuarded } from './guarded-server.ts'
import type { Service } from './service.ts'
import type { Keys } from './signature.ts'

const INVOCATIONS = /^\/2015-03-31\/functions\/([^/?]+)\/invocations/
const PATH = /^\/2015-03-31\/event-source-mappings\/([^/?]+)\/?$/

export interface Control {
  /** Turns an event source off or on; false when no event source has this id. */
  turn(id: string, isOn: boolean): boolean
  /** Calls a function by the ARN of its alias and waits; undefined when it does not exist. Rejects with the function's error. */
  invoke(arn: string, event: string): Promise<string> | undefined
}

/** The operations of Lambda's own API that functions use, `UpdateEventSourceMapping` and `Invoke`, with its real protocol. */
export const startControl = ({ turn, invoke }: Control, keys: Keys): Promise<Service> =>
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
    const [, target] = INVOCATIONS.exec(request.url ?? '') ?? []
    if (request.method === 'POST' && target) {
      const name = decodeURIComponent(target)
      const running = invoke(name, Buffer.concat(chunks).toString('utf8') || 'null')
      if (!running)
        return answer(404, { Message: `There is no function ${name}` }, 'ResourceNotFoundException')
      const [text, failed] = await running.then(
        (result) => [result, false] as const,
        (cause: Error) =>
          [JSON.stringify({ errorMessage: cause.message, errorType: cause.name }), true] as const,
      )
      response.writeHead(200, {
        'content-type': 'application/json',
        ...(failed ? { 'x-amz-function-error': 'Unhandled' } : {}),
      })
      return void response.end(text)
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
