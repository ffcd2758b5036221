/** The checks of `doctor`: facts as input, findings with a solution as output. Pure, so that tests can trigger each one. */
import { API_BASE } from '../../functions/contract.ts'
import type { Explanation, Health, Queue, Task, TaskPage, TaskTypeList } from '../../lib/client/types.ts'
import { CliError } from './failure.ts'
import type { Target } from './profile.ts'
import { durationText, oneLine } from './screen.ts'

export interface Finding {
  readonly check: string
  /** `fail` stops tasks; `warn` may stop them. */
  readonly level: 'ok' | 'warn' | 'fail'
  readonly says: string
  readonly todo?: string
}

/** A fact that could not be read is an error or absent; checks that need it make no finding. */
export interface Facts {
  readonly target: Target
  readonly health: Health | CliError
  readonly readAt?: number
  readonly access?: TaskPage | CliError
  readonly types?: TaskTypeList['task_types']
  readonly queues?: readonly Queue[] | undefined
  /** PENDING, PROCESSING and RETRYING. */
  readonly open?: readonly Task[]
  /** Of the last hour. */
  readonly failed?: readonly Task[]
  /** Of the last hour; only for local stages. `none`: there is no log folder. */
  readonly errors?: readonly string[] | 'none' | undefined
  readonly task?: Task | CliError | undefined
  readonly explanation?: Explanation | undefined
  readonly trial?: Task | CliError | undefined
}

const CLOCK_MS = 5_000
/** An idle lane normally starts a task in less than a second. */
const SLOW_MS = 30_000
/** The sweeper runs every minute. */
const LONG_WAIT_SECONDS = 180

export function diagnose(facts: Facts, now: number): readonly Finding[] {
  const flags = flagsOf(facts.target)
  const aim = (text: string) => text.replaceAll('npx taskrunner ', `npx taskrunner ${flags}`)
  return findings(facts, now).map(({ todo, ...rest }) => (todo ? { ...rest, todo: aim(todo) } : rest))
}

/** Options that lead a command to the same stage, where it would choose another one. */
function flagsOf({ source, base }: Target): string {
  const [, profile] = /^profile "(.+)"$/.exec(source) ?? []
  if (profile) return `--profile ${profile} `
  return source === '--base' ? `--base ${base.replace(API_BASE, '')} ` : ''
}

function findings(facts: Facts, now: number): readonly Finding[] {
  const { health, access, target } = facts
  if (health instanceof CliError) return [{ check: 'stage', level: 'fail', says: health.message }]
  const stage: Finding[] = [
    { check: 'stage', level: 'ok', says: `${health.app_name} ${health.version} at ${target.base}.` },
    ...clock(health, facts.readAt ?? now),
    ...(target.isProfileOpen
      ? [
          finding(
            'profile',
            'warn',
            'Others on this machine can read the profile file and its keys.',
            'chmod 600 ~/.config/taskrunner/profiles.json',
          ),
        ]
      : []),
  ]
  if (access instanceof CliError) return [...stage, { check: 'key', level: 'fail', says: access.message }]
  return [
    // For a single task, its cause comes first.
    ...task(facts),
    ...stage,
    ...registered(facts),
    ...lanes(facts),
    ...workers(facts, now),
    ...(facts.task && !(facts.task instanceof CliError) ? [] : failures(facts)),
    ...logs(facts),
    ...trial(facts),
  ]
}

const finding = (check: string, level: Finding['level'], says: string, todo?: string): Finding => ({
  check,
  level,
  says,
  ...(todo ? { todo } : {}),
})

function clock({ timestamp }: Health, readAt: number): Finding[] {
  const offMs = readAt - Date.parse(timestamp)
  if (Math.abs(offMs) < CLOCK_MS) return []
  const side = offMs > 0 ? 'ahead of' : 'behind'
  return [
    finding(
      'clock',
      'warn',
      `This machine’s clock is ${durationText(Math.abs(offMs))} ${side} the stage’s.`,
      'Correct it: the stage compares --run-at and --since with its own clock.',
    ),
  ]
}

function registered({ types = [], task }: Facts): Finding[] {
  const names = types.map(({ name }) => name)
  if (names.length === 0)
    return [
      finding(
        'registered',
        'fail',
        'No task type is registered.',
        'npm run generate, then start or deploy again',
      ),
    ]
  if (task && !(task instanceof CliError) && !names.includes(task.type))
    return [
      finding(
        'registered',
        'fail',
        `No worker knows the type "${task.type}" any more.`,
        'Deploy a version that has its folder.',
      ),
    ]
  return [finding('registered', 'ok', `${names.length} task types: ${names.join(', ')}.`)]
}

function lanes({ queues, open = [] }: Facts): Finding[] {
  if (!queues)
    return [
      finding('queues', 'warn', 'This stage’s version has no GET /queues, so its lanes cannot be checked.'),
    ]
  const found = queues.flatMap((lane) => [
    ...(lane.is_paused
      ? [
          finding(
            'queues',
            waitingIn(lane, open) > 0 ? 'fail' : 'warn',
            `Lane ${lane.lane} is paused, ${many(waitingIn(lane, open), 'task waits', 'tasks wait')}.`,
            `npx taskrunner resume ${lane.lane}`,
          ),
        ]
      : []),
    ...(!lane.is_paused && (lane.oldest_due_age_seconds ?? 0) > LONG_WAIT_SECONDS ? [longWait(lane)] : []),
    ...(lane.dead_letters > 0
      ? [
          finding(
            'dead',
            'warn',
            `Lane ${lane.lane} has ${many(lane.dead_letters, 'dead letter')}.`,
            `npx taskrunner redrive ${lane.lane} --dry-run`,
          ),
        ]
      : []),
  ])
  const waiting = queues.reduce((sum, lane) => sum + lane.visible, 0)
  return found.length > 0
    ? found
    : [
        finding(
          'queues',
          'ok',
          `${many(waiting, 'message waits', 'messages wait')}, no lane is paused, no dead letters.`,
        ),
      ]
}

/** Queue counts lag, so the tasks themselves are counted too. */
const waitingIn = ({ lane, visible }: Queue, open: readonly Task[]): number =>
  Math.max(visible, open.filter((task) => task.lane === lane && task.status === 'PENDING').length)

/** With messages in the queue there is a backlog; without, the message is lost and the sweeper should have sent another. */
function longWait({ lane, visible, oldest_due_age_seconds }: NonNullable<Facts['queues']>[number]): Finding {
  const waits = `A task in lane ${lane} has waited ${durationText((oldest_due_age_seconds ?? 0) * 1_000)}`
  return visible > 0
    ? finding(
        'queues',
        'warn',
        `${waits}, and its queue contains ${many(visible, 'message')}.`,
        'Raise maxConcurrency of the lane in lib/stages/, or wait.',
      )
    : finding(
        'sweeper',
        'fail',
        `${waits}, and its queue is empty.`,
        'The sweeper does not run: npx taskrunner logs --function SweeperSweep',
      )
}

function workers({ open = [], queues = [] }: Facts, now: number): Finding[] {
  const paused = queues.filter((lane) => lane.is_paused).map(({ lane }) => lane)
  const busy = new Set(open.filter(({ status }) => status === 'PROCESSING').map(({ lane }) => lane))
  const waiting = open.filter(({ status, lane }) => status === 'PENDING' && !paused.includes(lane))
  const late = [...new Set(waiting.map(({ lane }) => lane))].flatMap((lane) => {
    // A task can become pending later than it was created, by a retry or after a delay.
    const since = waiting
      .filter((task) => task.lane === lane)
      .map((task) => Date.parse(task.updated_at ?? task.created_at))
    const ageMs = now - Math.min(...since)
    if (ageMs < SLOW_MS) return []
    return busy.has(lane)
      ? [
          finding(
            'workers',
            'warn',
            `Lane ${lane} has a backlog: ${since.length} or more tasks wait, the oldest for ${durationText(ageMs)}.`,
            'Raise maxConcurrency of the lane in lib/stages/, or wait.',
          ),
        ]
      : [
          finding(
            'workers',
            'fail',
            `A task in lane ${lane} has been PENDING for ${durationText(ageMs)}, and none runs.`,
            `npx taskrunner logs --errors --function lane${lane}Worker`,
          ),
        ]
  })
  const running = open.filter(({ status }) => status === 'PROCESSING').length
  const retrying = open.filter(({ status }) => status === 'RETRYING')
  const again = countCodes(retrying).map(([code, count]) =>
    finding(
      'retrying',
      'warn',
      `${many(count, 'task waits', 'tasks wait')} for a retry after ${code}; it starts by itself.`,
      ADVICE[code] ?? 'npx taskrunner list --status retrying, then get <id>',
    ),
  )
  return late.length + again.length > 0
    ? [...late, ...again]
    : [
        finding(
          'workers',
          'ok',
          `${running} PROCESSING, ${waiting.length} PENDING in lanes that are not paused, none for long.`,
        ),
      ]
}

function countCodes(tasks: readonly Task[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const { error } of tasks)
    counts.set(error?.code ?? 'unknown', (counts.get(error?.code ?? 'unknown') ?? 0) + 1)
  return [...counts].sort(([, left], [, right]) => right - left)
}

const KEYS = 'Check the model key: .env locally, the SSM parameter below /taskrunner/<stage>/ when deployed.'
const ADVICE: Readonly<Record<string, string>> = {
  provider_unauthorized: KEYS,
  provider_not_configured: KEYS,
  provider_rate_limited: 'The provider limits the rate. If that continues, lower maxConcurrency of the lane.',
  provider_unavailable: 'The provider is down. Look at its status page.',
  provider_unreachable: 'Check the provider’s line in .env that ends in _BASE_URL, and the network.',
  provider_timeout: 'The model is slow: use a smaller max_tokens or another model.',
  provider_rejected:
    'The provider refuses the request itself: npx taskrunner list --status failed, then get <id>, shows why.',
  content_refused: 'The model declines the prompt. Change the prompt.',
  timeout: 'The attempt’s limit is too short for the work: submit with --timeout.',
  invalid_input:
    'The schema has changed since the submit: let functions/tasks/<name>/task.ts accept the old input, too, then redrive.',
  invalid_output:
    'The result does not match the task type’s output schema: correct functions/tasks/<name>/task.ts.',
  task_failed: 'The task’s own code threw: npx taskrunner logs --errors shows where.',
  unknown_task_type: 'No worker knows the type: deploy a version that has its folder.',
  worker_crashed:
    'The worker crashes, usually for lack of memory: raise memoryMb of the lane in lib/stages/.',
}

/** The same input would be refused again, so a retry would only cost money. */
const NEVER_WORTH_A_RETRY: readonly string[] = ['content_refused', 'provider_rejected', 'invalid_output']

const LOOK = 'npx taskrunner list --status failed, then get <id>, shows why.'

const adviceOn = (code: string): string => ADVICE[code] ?? LOOK

/** An error that its thrower never retries, and that no known repair ends. */
const isFinal = ({ code, retryable }: NonNullable<Task['error']>): boolean =>
  NEVER_WORTH_A_RETRY.includes(code) || (!retryable && ADVICE[code] === undefined)

/** @param again the command that runs what failed with the error again. */
const repairOf = (error: NonNullable<Task['error']>, again: string, advice = adviceOn(error.code)): string =>
  isFinal(error) ? advice : `${advice} Then: ${again}`

/** Failed tasks run again only if a person restarts them. */
function failures({ failed = [] }: Facts): Finding[] {
  if (failed.length === 0) return [finding('failures', 'ok', 'No task of the last hour failed.')]
  return [...Map.groupBy(failed, ({ lane }) => lane)].flatMap(([lane, tasks]) =>
    countCodes(tasks).map(([code, count]) => {
      const error = tasks.find((task) => task.error?.code === code)?.error
      return finding(
        'failures',
        'warn',
        `${many(count, 'task')} of lane ${lane} failed in the last hour with ${code}.`,
        error ? repairOf(error, `npx taskrunner redrive ${lane} --error-code ${code} --dry-run`) : LOOK,
      )
    }),
  )
}

const many = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`

function logs({ errors }: Facts): Finding[] {
  if (!errors) return []
  if (errors === 'none')
    return [
      finding(
        'logs',
        'warn',
        'This command does not find the logs of this stage.',
        'Set TASKRUNNER_STATE to the same folder as for npm start.',
      ),
    ]
  const last = errors.at(-1)
  if (last === undefined) return [finding('logs', 'ok', 'No error in the logs of the last hour.')]
  return [
    finding(
      'logs',
      'warn',
      `${many(errors.length, 'error')} in the last hour; the last: ${oneLine(last).slice(0, 200)}`,
      'npx taskrunner logs --errors',
    ),
  ]
}

const GATES: Readonly<Record<string, (task: Task) => string>> = {
  queue: () => 'It waits in the queue: npx taskrunner queues',
  paused: ({ lane }) => `npx taskrunner resume ${lane}`,
  circuit: () => 'Its provider keeps failing. The task continues by itself when a trial call succeeds.',
  lost: () => 'Its message was lost; the sweeper sends another within 2 minutes.',
  running: ({ id }) => `npx taskrunner watch ${id}`,
}

/** States that only a person can end. */
const BLOCKING_GATES: readonly string[] = ['paused']

function endAdvice({ id, error }: Task): string {
  if (!error) return `npx taskrunner retry ${id}`
  const look =
    error.code === 'task_failed'
      ? `The task’s own code threw: npx taskrunner logs ${id}`
      : adviceOn(error.code)
  return repairOf(error, `npx taskrunner retry ${id}`, look)
}

function task({ task, explanation }: Facts): Finding[] {
  if (!task) return []
  if (task instanceof CliError) return [finding('task', 'fail', task.message)]
  const isBad = task.status === 'FAILED' || task.status === 'EXPIRED'
  const reason = explanation?.message ?? (task.error ? `${task.error.code}: ${task.error.message}` : '')
  const todo = isBad ? endAdvice(task) : GATES[explanation?.gate ?? '']?.(task)
  return [
    finding(
      'task',
      isBad || BLOCKING_GATES.includes(explanation?.gate ?? '') ? 'fail' : 'ok',
      oneLine(`The task is ${task.status}${reason ? `: ${reason}` : '.'}`),
      todo,
    ),
  ]
}

function trial({ trial }: Facts): Finding[] {
  if (!trial) return []
  if (trial instanceof CliError) return [finding('trial', 'fail', trial.message)]
  if (trial.status !== 'COMPLETED' || trial.result !== 3)
    return [
      finding('trial', 'fail', `A test task ended as ${trial.status}.`, `npx taskrunner get ${trial.id}`),
    ]
  const tookMs = Date.parse(trial.finished_at ?? trial.created_at) - Date.parse(trial.created_at)
  return [finding('trial', 'ok', `A test task completed in ${durationText(tookMs)}.`)]
}
