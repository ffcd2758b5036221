import { serveGuarded } from './guarded-server.ts'
import type { Service } from './service.ts'
import type { Keys } from './signature.ts'

/**
 * The only operation of SSM that the functions use, `GetParameter`, with its real protocol: no embeddable SSM is maintained well
 * enough to add 30 MB for it.
 *
 * @param find returns the parameter's value, read at each call.
 */
export const startParameters = (find: (name: string) => string | undefined, keys: Keys): Promise<Service> =>
  serveGuarded(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1]
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify(body))
    }
    if (operation !== 'GetParameter')
      return answer(400, {
        __type: 'InvalidAction',
        message: `${operation} is not known to the local runtime`,
      })
    const { Name } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { Name: string }
    const value = find(Name)
    if (value === undefined) return answer(400, { __type: 'ParameterNotFound', message: Name })
    answer(200, { Parameter: { Name, Type: 'SecureString', Value: value, Version: 1 } })
  }, keys)
