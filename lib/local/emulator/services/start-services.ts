import { join } from 'node:path'
import { type Control, startControl } from './control.ts'
import { startOutbox } from './outbox.ts'
import { startParameters } from './parameters.ts'
import { type Service, startService } from './service.ts'
import type { Keys } from './signature.ts'

/** Addresses of the embedded services. */
export interface Endpoints {
  readonly dynamodb: string
  readonly sqs: string
  readonly s3: string
  readonly ssm: string
  /** Lambda's own API. */
  readonly lambda: string
  readonly ses: string
}

export interface ServicesOptions {
  readonly stateDir: string
  readonly region: string
  /** Credentials of allowed callers. */
  readonly keys: Keys
  /** The value of an SSM parameter. */
  readonly parameter: (name: string) => string | undefined
  /** Operations of Lambda that functions can call. */
  readonly control: Control
}

/**
 * Starts the substitutes of AWS's services concurrently; the stack stops them.
 *
 * @throws the first error of a failed start; the services that started are on the stack.
 */
export async function startServices(
  { stateDir, region, keys, parameter, control: asked }: ServicesOptions,
  stack: AsyncDisposableStack,
) {
  const started = await startAll(
    {
      dynamodb: () => startService({ kind: 'dynamodb', directory: join(stateDir, 'table'), region, keys }),
      queues: () => startService({ kind: 'sqs-s3', directory: join(stateDir, 'sqs-s3'), region, keys }),
      parameters: () => startParameters(parameter, keys),
      outbox: () => startOutbox(join(stateDir, 'outbox'), keys),
      control: () => startControl(asked, keys),
    },
    stack,
  )
  const { dynamodb, queues, parameters, outbox, control } = started
  const endpoints: Endpoints = {
    dynamodb: dynamodb.endpoint,
    sqs: queues.endpoint,
    s3: queues.endpoint,
    ssm: parameters.endpoint,
    lambda: control.endpoint,
    ses: outbox.endpoint,
  }
  return { endpoints, look: (names: readonly string[]) => queues.look(names) }
}

type ServiceStarts = Readonly<Record<string, () => Promise<Service>>>

/** Waits for all, also when one fails, because those that start later must be stopped as well. */
export async function startAll<All extends ServiceStarts>(
  starts: All,
  stack: AsyncDisposableStack,
): Promise<{ [Name in keyof All]: Awaited<ReturnType<All[Name]>> }> {
  const names = Object.keys(starts)
  const outcomes = await Promise.allSettled(names.map((name) => starts[name]?.()))
  for (const outcome of outcomes)
    if (outcome.status === 'fulfilled') stack.adopt(outcome.value, (service) => service?.stop())
  const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined
  if (failed) throw failed.reason
  return Object.fromEntries(
    names.map((name, index) => [name, (outcomes[index] as PromiseFulfilledResult<Service>).value]),
  ) as never
}
