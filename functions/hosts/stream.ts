/** Lambda handlers with streamed answers: the gateway's integration has transfer mode STREAM. */
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
    // The gateway sends the headers only after a first byte of the body.
    response.write(body)
    if (!answer.stream || event.httpMethod === 'HEAD') return void response.end()
    // A client that disconnected is no failure, because it reconnects by itself.
    await pipeline(untilFailure(answer.stream), response).catch(() => undefined)
  })
}

/** After the first byte, a failure can only end the answer; clients of event streams reconnect for the rest. */
async function* untilFailure(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* pieces
  } catch (error) {
    log('stream.failed', causeFields(error))
  }
}
