/**
 * Runs the present task types against recorded provider answers. Uses the real task types and the real adapters; a server in
 * this process repeats the recorded answers.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { PROVIDER_MODULES } from '../core/adapters/providers/provider-modules.gen.ts'
import { systemClock } from '../core/adapters/system/clock.ts'
import { stepScope } from '../core/adapters/system/step-scope.ts'
import { TaskError } from '../core/domain/errors.ts'
import { badAnswer, truncated } from '../core/domain/provider-failure.ts'
import {
  type RecordedCall,
  type RecordedOutcome,
  type Recording,
  recordingKeyOf,
} from '../core/domain/recording.ts'
import { describeFailure } from '../core/domain/retry.ts'
import type { ModelCall, ModelReply } from '../core/kit/index.ts'
import { runTaskType } from '../core/kit/run-task-type.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../core/ports/model-provider.ts'
import { findTaskType } from '../tasks/registry.gen.ts'

export interface Rehearsal {
  readonly recording: Recording
  readonly now: RecordedOutcome
  readonly isSame: boolean
  /** Calls whose request differs from the recorded one; they got the answer to the request recorded in their place. */
  readonly reworded: number
  /** Recorded calls that the present code does not make. */
  readonly unasked: number
}

/** Sends and stores nothing, and the task's own waits take no time. */
export async function openRehearsal() {
  const answers = new Map<string, RecordedCall['replies']>()
  const server = createServer((request, response) => {
    const place = request.url?.split('/')[1] ?? ''
    request.resume().on('end', () => repeat(response, answers.get(place)?.shift()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let places = 0

  const rehearse = async (recording: Recording): Promise<Rehearsal> => {
    const left = [...recording.calls]
    let reworded = 0
    const ask = async (model: string, call: ModelCall): Promise<ModelReply> => {
      const { prompt, messages, model: _models, failOnTruncation, onDelta, ...rest } = call
      const { onRestart: _restart, share: _share, ...sent } = rest
      const request = {
        ...sent,
        model,
        messages: messages ?? [{ role: 'user' as const, content: prompt ?? '' }],
      }
      const asked = stepScope.fingerprint(recordingKeyOf(request))
      const known = left.findIndex((recorded) => recorded.asked === asked)
      const [recorded] = left.splice(Math.max(0, known), 1)
      if (!recorded) throw new TaskError('Today’s code makes a call more.', { code: 'rehearsal_unrecorded' })
      if (known < 0) reworded += 1
      const place = `call-${++places}`
      answers.set(place, [...recorded.replies])
      const { speaks } = recorded
      const { openProvider } = await PROVIDER_MODULES[speaks]()
      const background = recorded.isBackground ? ['*'] : []
      const baseUrl = `${url}/${place}`
      const provider = openProvider(
        { name: recorded.provider, speaks, key: 'rehearsal', baseUrl, background, pollMs: 10 },
        systemClock,
      )
      const answer = await answerOf(provider, request, {
        signal: AbortSignal.timeout(60_000),
        ...(onDelta ? { onDelta } : {}),
      })
      const isTruncated = answer.finishReason === 'length'
      if (isTruncated && failOnTruncation) throw truncated(recorded.provider)
      return { ...answer, isTruncated, model, provider: recorded.provider }
    }
    const now = await outcomeOf(recording, ask)
    const { outcome } = recording
    return {
      recording,
      now,
      isSame: isDeepStrictEqual(JSON.parse(JSON.stringify(now)), outcome),
      reworded,
      unasked: left.length,
    }
  }
  return {
    rehearse,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function answerOf(
  { name, background, generate }: ModelProvider,
  request: ModelRequest,
  options: GenerateOptions,
): Promise<ModelAnswer> {
  const started = background?.takes(request) ? await background.start(request, options) : undefined
  if (!started) return generate(request, options)
  const outcome = await started.outcome()
  if (outcome.kind === 'answered') return outcome.answer
  throw outcome.kind === 'failed' ? outcome.error : badAnswer(name, 'the call is gone')
}

async function outcomeOf(
  { type: name, model, input }: Recording,
  ask: (model: string, call: ModelCall) => Promise<ModelReply>,
): Promise<RecordedOutcome> {
  const type = findTaskType(name)
  if (!type) return { code: 'unknown_task_type' }
  try {
    const generate = async (call: ModelCall): Promise<ModelReply> => {
      const models = call.model === undefined ? [model] : [call.model].flat()
      let failure: unknown
      for (const each of models)
        try {
          return await ask(each, call)
        } catch (error) {
          failure ??= error
          if (models.length === 1 || error instanceof TaskError) throw error
          call.onRestart?.()
        }
      throw failure
    }
    const { result } = await runTaskType(type as never, input as never, { generate, modelName: model })
    return { result: result ?? null }
  } catch (error) {
    return {
      code:
        error instanceof Error && error.name === 'ZodError' ? 'invalid_output' : describeFailure(error).code,
    }
  }
}

function repeat(response: ServerResponse, reply: RecordedCall['replies'][number] | undefined): void {
  if (!reply) {
    response.writeHead(404, { 'content-type': 'application/json' })
    return void response.end(
      '{"error":{"code":"rehearsal_unrecorded","message":"No further answer was recorded."}}',
    )
  }
  response.writeHead(reply.status, { ...reply.headers })
  response.end(reply.body.join(''))
}
