import type { TaskAnswer } from '../cli/answers.ts'
import { usageError } from '../cli/failure.ts'
import { followLoudly, tellEnd } from '../cli/follow.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { collect, jsonOf, positive, seconds, textOf, time, wholeNumber } from '../cli/values.ts'

export interface SubmitOptions {
  readonly type?: string
  readonly input?: string
  readonly model?: string
  readonly priority?: number
  readonly delay?: number
  readonly runAt?: string
  readonly expiresIn?: number
  readonly timeout?: number
  readonly maxAttempts?: number
  readonly tag?: readonly string[]
  readonly idempotencyKey?: string
  readonly wait?: boolean
  readonly giveUp?: number
}

/** `submit`: a prompt for a model, or any task type with its input. Prints the id alone, so that `$(…)` takes it. */
export const addSubmit: AddCommand = (program) => {
  program
    .command('submit')
    .description('submit a task: a prompt, or --type with --input')
    .argument('[prompt]', 'what to ask the model; @file, or - for what is piped in')
    .option('-t, --type <name>', 'task type, see: inspect registered')
    .option('-i, --input <json>', 'its input: JSON, @file.json, or - for what is piped in')
    .option('-m, --model <name>', 'name of the model')
    .option('-p, --priority <0-10>', '8 and above go to the urgent lane', wholeNumber)
    .option('--delay <span>', 'run this much later: 90s, 15m, 2h', seconds)
    .option('--run-at <time>', 'run at this time (RFC 3339)', time)
    .option('--expires-in <span>', 'do not start later than this', seconds)
    .option('--timeout <span>', 'limit of one attempt', seconds)
    .option('--max-attempts <n>', 'first try included', wholeNumber)
    .option('--tag <word>', 'a word to find it by; may come several times', collect)
    .option('-k, --idempotency-key <key>', 'the same key gives the same task back')
    .option('-w, --wait', 'wait for the end and print the result')
    .option('--give-up <seconds>', 'with --wait: exit with 6 when it runs longer', positive)
    .action(async (prompt: string | undefined, options: SubmitOptions, command) => {
      const body = await submission(prompt, options)
      const session = await openSession(command)
      const { body: task } = await session.api.call<TaskAnswer>('POST', '/tasks', {
        body,
        ...(options.idempotencyKey ? { headers: { 'idempotency-key': options.idempotencyKey } } : {}),
      })
      if (options.wait) {
        session.note(`Task ${task.id}`)
        return tellEnd(session, await followLoudly(session, task.id, options.giveUp))
      }
      session.show(task, () => task.id)
      session.note(`${task.status} in lane ${task.lane}. Follow it: npx taskrunner watch ${task.id}`)
    })
}

/** The request's body. @throws CliError when it is neither a prompt nor a type, or both. */
export async function submission(
  prompt: string | undefined,
  options: SubmitOptions,
): Promise<Record<string, unknown>> {
  if (prompt === undefined && options.type === undefined)
    throw usageError('Submit what? Give a prompt: submit "What is …", or --type and --input.')
  if (prompt !== undefined && options.type !== undefined)
    throw usageError('A prompt does not go with --type. Put it into --input, e.g. \'{"prompt": "…"}\'.')
  if (prompt !== undefined && options.input !== undefined)
    throw usageError('A prompt does not go with --input. Give one of them.')
  const what =
    prompt === undefined
      ? { type: options.type, input: options.input === undefined ? {} : await jsonOf(options.input) }
      : { prompt: await textOf(prompt) }
  const fields = {
    model: options.model,
    priority: options.priority,
    delay_seconds: options.delay,
    run_at: options.runAt,
    expires_in_seconds: options.expiresIn,
    timeout_seconds: options.timeout,
    max_attempts: options.maxAttempts,
    tags: options.tag,
  }
  return { ...what, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) }
}
