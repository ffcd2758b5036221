/** Lambda handlers whose answers begin before they have ended: the gateway's integration is in transfer mode STREAM. */
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { ENV } from '../contract.ts'
import { causeFields } from '../core/domain/errors.ts'
import { dispatch, log, readConfig, refusal, reply, type ServedRoute } from './lambda.ts'

/** A global of Lambda's Node runtime. */
declare const awslambda: {
  streamifyResponse(
    handler: (event: APIGatewayProxyEvent, stream: Writable) => Promise<void>,
  ): (event: APIGatewayProxyEvent) => Promise<void>
  readonly HttpResponseStream: {
    /** Sends status and headers as the JSON that the gateway expects before the body. */
    from(stream: Writable, prelude: { readonly statusCode: number; readonly headers: object }): Writable
  }
}

/** One Lambda handler for several routes, each of which may stream its answer. */
export function streamHandler(routes: readonly ServedRoute[]) {
  const { CORS_ORIGINS } = readConfig([ENV.stage, ENV.corsOrigins])
  const handle = dispatch(routes)
  return awslambda.streamifyResponse(async (event, stream) => {
    const answer = await handle(event).catch((error) => refusal(error, event))
    const { statusCode, headers = {}, body } = reply(answer, event, CORS_ORIGINS)
    const response = awslambda.HttpResponseStream.from(stream, { statusCode, headers })
    // The gateway waits for a first byte before it sends the prelude.
    response.write(body)
    if (!answer.stream || event.httpMethod === 'HEAD') return void response.end()
    // A receiver that has left is no failure: who reads events comes back by itself.
    await pipeline(untilFailure(answer.stream), response).catch(() => undefined)
  })
}

/** What fails behind the first byte can only end the answer; who reads events comes back for the rest by itself. */
async function* untilFailure(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* pieces
  } catch (error) {
    log('stream.failed', causeFields(error))
  }
}
