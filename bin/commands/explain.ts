import type { Explanation } from '../../lib/client/types.ts'
import { CliError, EXIT } from '../cli/failure.ts'
import { type Schedule, scheduleReasons, scheduleText } from '../cli/schedule-text.ts'
import { factLines, oneLine, type Paint, paintStatus } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session } from '../cli/session.ts'
import { type Workflow, workflowTree } from '../cli/workflow-text.ts'

export const addExplain: AddCommand = (program) => {
  program
    .command('explain')
    .description('say why a task, a schedule or a workflow waits, and when it can next run')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      const task = await ifKnown(session.api.json('explainTask', { params: { id } }))
      if (task) return session.show(task, () => explanationText(task, session.paint))
      const schedule = await ifKnown(session.api.json('getSchedule', { params: { id } }))
      if (schedule) return explainSchedule(session, schedule)
      const workflow = await ifKnown(session.api.json('getWorkflow', { params: { id } }))
      if (workflow) return explainWorkflow(session, workflow)
      throw new CliError(EXIT.notFound, `There is no task, schedule or workflow "${id}".`)
    })
}

/** @returns undefined when no object of this kind has the id. */
const ifKnown = <Body>(call: Promise<Body>): Promise<Body | undefined> =>
  call.catch((cause: unknown) => {
    if (cause instanceof CliError && cause.exitCode === EXIT.notFound) return undefined
    throw cause
  })

export function explanationText(answer: Explanation, paint: Paint): string {
  const value = (fact: unknown) => oneLine(typeof fact === 'string' ? fact : JSON.stringify(fact))
  const lines = factLines(
    [
      ['gate', answer.gate],
      ['next at', answer.next_at ?? undefined],
      ...Object.entries(answer.facts).map(
        ([name, fact]) => [name.replaceAll('_', ' '), value(fact)] as const,
      ),
    ],
    paint,
  )
  return `${paint('bold', answer.task_id)}  ${paintStatus(paint, answer.status)}  ${oneLine(answer.message)}\n${lines}`
}

async function explainSchedule(session: Session, schedule: Schedule): Promise<void> {
  const last = schedule.last_task_id
    ? await ifKnown(session.api.json('getTask', { params: { id: schedule.last_task_id } }))
    : undefined
  const message = scheduleReasons(schedule, last, Date.now())
  session.show({ schedule, message, last_task: last ?? null }, () =>
    [scheduleText(schedule, Date.now(), session.paint), ...message].join('\n'),
  )
}

/** Steps that are described one by one; the others are only in the tree. */
const MAX_STEPS_READ = 5

async function explainWorkflow(session: Session, workflow: Workflow): Promise<void> {
  const open = Object.entries(workflow.steps).filter(
    ([, { status, task_id }]) => task_id !== null && (status === 'STARTING' || status === 'RUNNING'),
  )
  const messages = await Promise.all(
    open.slice(0, MAX_STEPS_READ).map(async ([name, { task_id }]) => {
      const found = await ifKnown(session.api.json('explainTask', { params: { id: task_id ?? '' } }))
      return found ? [`${name}: ${oneLine(found.message)}`] : []
    }),
  )
  const message = messages.flat()
  const { paint, columns } = session
  session.show({ workflow, message }, () =>
    [workflowTree(workflow, { now: Date.now(), paint, columns }), ...message].join('\n'),
  )
}
