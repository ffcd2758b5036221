import { newKey } from '../../lib/client/client.ts'
import { usageError } from '../cli/failure.ts'
import { followWithProgress, printResult } from '../cli/follow.ts'
import { type AddCommand, openSession, type Session } from '../cli/session.ts'
import { progressBar, uploadFile } from '../cli/upload.ts'
import {
  addValue,
  parsePositive,
  parseSeconds,
  parseTime,
  parseWholeNumber,
  readJsonValue,
  readText,
} from '../cli/values.ts'

export interface SubmitOptions {
  readonly type?: string | undefined
  readonly input?: string
  readonly file?: string
  readonly model?: string
  readonly priority?: number
  readonly delay?: number
  readonly runAt?: string
  readonly deadline?: string
  readonly expiresIn?: number
  readonly timeout?: number
  readonly maxAttempts?: number
  readonly tag?: readonly string[]
  readonly idempotencyKey?: string
  readonly wait?: boolean
  readonly giveUp?: number
}

/** `submit`: submits a prompt, or any task type with its input. Prints only the id, so that `$(…)` can use it. */
export const addSubmit: AddCommand = (program) => {
  program
    .command('submit')
    .description('submit a task: a prompt, or --type with --input')
    .argument('[prompt]', 'prompt for the model; @file, or - for stdin; with --file, the task type')
    .option('-t, --type <name>', 'task type, see: inspect registered')
    .option('-i, --input <json>', 'its input: JSON, @file.json, or - for stdin')
    .option('-f, --file <path>', 'a file for the task: uploaded, and its input\'s "file"')
    .option('-m, --model <name>', 'name of the model')
    .option('-p, --priority <0-10>', '8 and above use the urgent lane', parseWholeNumber)
    .option('--delay <span>', 'run this much later: 90s, 15m, 2h', parseSeconds)
    .option('--run-at <time>', 'run at this time (RFC 3339)', parseTime)
    .option('--deadline <time>', 'when you need the result (RFC 3339); later ones are cheaper', parseTime)
    .option('--expires-in <span>', 'do not start later than this', parseSeconds)
    .option('--timeout <span>', 'limit of one attempt', parseSeconds)
    .option('--max-attempts <n>', 'first try included', parseWholeNumber)
    .option('--tag <word>', 'a word to find it by; may be repeated', addValue)
    .option('-k, --idempotency-key <key>', 'the same key gives the same task back')
    .option('-w, --wait', 'wait for the end and print the result')
    .option('--give-up <seconds>', 'with --wait: exit with 6 when it runs longer', parsePositive)
    .action(async (prompt: string | undefined, options: SubmitOptions, command) => {
      const asked = options.file === undefined ? options : { ...options, type: options.type ?? prompt }
      const body = await submission(options.file === undefined ? prompt : undefined, asked)
      const session = await openSession(command)
      if (options.file !== undefined) body.input = await withFile(session, options.file, body.input)
      const task = await session.api.json('submitTask', {
        body: body as never,
        // With an idempotency key, a call whose answer was lost can be repeated safely.
        headers: { 'idempotency-key': options.idempotencyKey ?? newKey() },
      })
      if (options.wait) {
        session.note(`Task ${task.id}`)
        return printResult(session, await followWithProgress(session, task.id, options.giveUp))
      }
      session.show(task, () => task.id)
      session.note(`${task.status} in lane ${task.lane}. Follow it: npx taskrunner watch ${task.id}`)
    })
}

async function withFile(session: Session, path: string, input: unknown): Promise<unknown> {
  if (input === null || typeof input !== 'object' || Array.isArray(input))
    throw usageError('With --file, --input is a JSON object.')
  const isWatched = process.stderr.isTTY === true
  const upload = await uploadFile(session.api, path, (done, total) => {
    if (isWatched) process.stderr.write(`\r${progressBar(done, total)}${done === total ? '\n' : ''}`)
  })
  return { ...input, file: { upload } }
}

/** The request's body. @throws CliError when neither a prompt nor a type is given, or both are. */
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
      ? { type: options.type, input: options.input === undefined ? {} : await readJsonValue(options.input) }
      : { prompt: await readText(prompt) }
  const fields = {
    model: options.model,
    priority: options.priority,
    delay_seconds: options.delay,
    run_at: options.runAt,
    deadline: options.deadline,
    expires_in_seconds: options.expiresIn,
    timeout_seconds: options.timeout,
    max_attempts: options.maxAttempts,
    tags: options.tag,
  }
  return { ...what, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) }
}
