import { causeFields } from '../../domain/errors.ts'
import type { Recording } from '../../domain/recording.ts'
import type { Payload, Task } from '../../domain/task.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { ModelMeter } from './meter-model.ts'

interface Dependencies {
  readonly payloads: Pick<PayloadStore, 'keep' | 'read'>
  readonly defaultModel: string
  readonly mask?: (text: string) => string
  readonly log: Log
}

/**
 * Stores the model requests and answers of an attempt with its task, for `npm run rehearse`; does nothing when the stage does
 * not record, or when an answer was not recorded. Runs after the end is written and never fails it: a crash here loses only the
 * recording.
 */
export async function keepRecording(
  { payloads, defaultModel, mask = (text) => text, log }: Dependencies,
  task: Task,
  meter: Pick<ModelMeter, 'recorded'>,
  ended: { readonly result: Payload } | { readonly code: string },
): Promise<void> {
  const calls = meter.recorded()
  if (!calls?.length) return
  try {
    const outcome =
      'code' in ended ? ended : { result: JSON.parse(await payloads.read(ended.result)) as unknown }
    const { id, epoch, attempt, type, model } = task
    const input: unknown = JSON.parse(await payloads.read(task.input))
    const recording: Recording = {
      ...{ v: 1, id, epoch, attempt, type, model: model ?? defaultModel },
      ...{ input, calls, outcome },
    }
    await payloads.keep(task, `recording-${epoch}-${attempt}`, mask(JSON.stringify(recording)), 0)
  } catch (error) {
    log('recording.failed', { ...taskFields(task), ...causeFields(error) })
  }
}
