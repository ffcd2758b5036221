import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HeavyWork } from '../../ports/heavy-work.ts'
import type { Log } from '../../ports/log.ts'
import type { Mailer } from '../../ports/mailer.ts'
import type { Upkeep } from '../../ports/upkeep.ts'
import { taskFields } from '../shared/task-fields.ts'
import { mapItems } from './map-items.ts'
import type { ModelMeter } from './meter-model.ts'
import type { TaskSteps } from './run-steps.ts'
import type { StreamedText } from './stream-text.ts'
import type { SupervisedAttempt } from './supervise-attempt.ts'
import { type FileDependencies, openTaskFiles } from './task-files.ts'
import { openTaskMail } from './task-mail.ts'

interface Parts {
  readonly task: Task
  /** The input after validation by the type's schema. */
  readonly input: unknown
  readonly attempt: SupervisedAttempt
  readonly meter: ModelMeter
  readonly text: StreamedText
  readonly steps: TaskSteps
}

/** The argument of the author's code; its type is `TaskContext` in the kit. */
export function makeTaskContext(
  {
    clock,
    log,
    heavyWork,
    mailer,
    upkeep,
    ...files
  }: Omit<FileDependencies, 'clock'> & {
    readonly clock: Clock
    readonly log: Log
    readonly heavyWork: HeavyWork
    readonly mailer: Mailer
    readonly upkeep: Upkeep
  },
  { task, input, attempt, meter, text, steps }: Parts,
) {
  const { signal, progress } = attempt
  return {
    input,
    taskId: task.id,
    attempt: task.attempt,
    signal,
    model: meter.client,
    files: openTaskFiles({ ...files, clock }, task, signal),
    mail: openTaskMail(mailer, steps, signal),
    upkeep,
    step: steps.step,
    map: mapItems({ step: steps.step, progress, signal }),
    heavy: (name: string, input: unknown) => heavyWork({ name, input, signal }),
    progress,
    stream: text.author,
    log: (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      log('task.log', { ...fields, ...taskFields(task), message }),
    sleep: async (ms: number) => {
      await clock.sleep(ms, signal)
      signal.throwIfAborted()
    },
  }
}
