/** A workflow as text for people: its steps as a tree, with what each waits for. */
import type { Json } from '../../lib/client/types.ts'
import { clip, costText, durationText, oneLine, type Paint, progressBarText, type Style } from './screen.ts'

export type Workflow = Json<'getWorkflow'>
type Step = Workflow['steps'][string]

const MARKS: Readonly<Record<Step['status'], readonly [Style, string]>> = {
  WAITING: ['dim', '○'],
  STARTING: ['cyan', '◐'],
  RUNNING: ['cyan', '●'],
  COMPLETED: ['green', '✔'],
  FAILED: ['red', '✘'],
  SKIPPED: ['dim', '–'],
  CANCELLED: ['yellow', '■'],
}
const STATES: Readonly<Record<Workflow['status'], Style>> = {
  RUNNING: 'cyan',
  COMPLETED: 'green',
  FAILED: 'red',
  CANCELLED: 'yellow',
}
const BAR_WIDTH = 10

/** Progress of each step's task, by the step's name. */
export type StepProgress = ReadonlyMap<string, { readonly percent: number; readonly message: string }>
export const NO_PROGRESS: StepProgress = new Map()

/** Each step is below the last of the steps it comes after, so that concurrent steps are side by side. */
export function workflowTree(
  workflow: Workflow,
  {
    now,
    paint,
    columns,
    progress = NO_PROGRESS,
  }: { now: number; paint: Paint; columns: number; progress?: StepProgress },
): string {
  const { steps } = workflow
  const depths = depthsOf(steps)
  const lines = inOrder(steps).map((name) => {
    const step = steps[name] as Step
    const [style, mark] = MARKS[step.status]
    const text = clip(
      `${name}  ${aboutStep(step, now, progress.get(name))}`,
      Math.max(20, columns - 4 - 2 * (depths.get(name) ?? 0)),
    )
    return `${'  '.repeat(depths.get(name) ?? 0)}${paint(style, mark)} ${text}`
  })
  const cost = workflow.cost_usd ? `, ${costText(workflow.cost_usd)}` : ''
  const age = durationText(
    (workflow.finished_at ? Date.parse(workflow.finished_at) : now) - Date.parse(workflow.created_at),
  )
  const head = `${paint('bold', workflow.id)}  ${paint(STATES[workflow.status], workflow.status)}  ${oneLine(workflow.name)}  ${workflow.tasks} task${workflow.tasks === 1 ? '' : 's'}, ${age}${cost}`
  return [head, ...lines, ...holdsOf(workflow, paint)].join('\n')
}

const WHY: Readonly<Record<NonNullable<Step['reason']>, string>> = {
  condition: 'its condition does not hold',
  upstream: 'what it needs failed',
  timeout: 'its signal did not arrive in time',
}

function aboutStep(
  { status, kind, type, tasks, error, reason, started_at, finished_at }: Step,
  now: number,
  progress: { readonly percent: number; readonly message: string } | undefined,
): string {
  const many =
    tasks.total > 1
      ? `${progressBarText((100 * tasks.completed) / tasks.total, BAR_WIDTH)} ${tasks.completed}/${tasks.total}`
      : progress
        ? `${progressBarText(progress.percent, BAR_WIDTH)} ${progress.percent} % ${oneLine(progress.message)}`.trim()
        : ''
  const ran = started_at
    ? durationText((finished_at ? Date.parse(finished_at) : now) - Date.parse(started_at))
    : ''
  const why = error ? oneLine(`${error.code}: ${error.message}`) : reason ? WHY[reason] : ''
  return [type ?? kind, status, many, ran, why].filter(Boolean).join('  ')
}

/** What a person can do, or what the workflow waits for. */
function holdsOf({ id, status, steps }: Workflow, paint: Paint): readonly string[] {
  const waits = Object.entries(steps).filter(([, step]) => step.kind === 'wait' && step.status === 'RUNNING')
  const hints = waits.map(
    ([name, { signal }]) =>
      `${name} waits for a signal: npx taskrunner workflow signal ${id} ${signal ?? '<name>'}`,
  )
  if (status === 'FAILED' || status === 'CANCELLED')
    hints.push(`The steps that did not finish run again with: npx taskrunner workflow retry ${id}`)
  return hints.map((hint) => paint('yellow', `→ ${hint}`))
}

function depthsOf(steps: Workflow['steps']): ReadonlyMap<string, number> {
  const depths = new Map<string, number>()
  const depthOf = (name: string): number => {
    const known = depths.get(name)
    if (known !== undefined) return known
    const depth = Math.max(-1, ...(steps[name]?.after ?? []).map(depthOf)) + 1
    depths.set(name, depth)
    return depth
  }
  // Starts with early steps, so that a chain of 500 steps causes no deep recursion.
  for (const name of Object.keys(steps)) depthOf(name)
  return depths
}

/** Depth first: a step directly below the last of those it needs. */
function inOrder(steps: Workflow['steps']): readonly string[] {
  const left = new Map(Object.entries(steps).map(([name, { after }]) => [name, after.length]))
  const followers = Map.groupBy(
    Object.entries(steps).flatMap(([name, { after }]) => after.map((before) => [before, name] as const)),
    ([before]) => before,
  )
  const ordered: string[] = []
  const stack = Object.keys(steps)
    .filter((name) => left.get(name) === 0)
    .reverse()
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    ordered.push(name)
    for (const [, next] of (followers.get(name) ?? []).toReversed()) {
      const open = (left.get(next) ?? 1) - 1
      left.set(next, open)
      if (open === 0) stack.push(next)
    }
  }
  return ordered
}
