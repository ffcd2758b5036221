import { Option } from 'commander'
import { parse as parseYaml } from 'yaml'
import { LIMITS } from '../../functions/contract.ts'
import { newKey } from '../../lib/client/client.ts'
import type { Json } from '../../lib/client/types.ts'
import { CliError, EXIT, usageError } from '../cli/failure.ts'
import { durationText, fitToScreen, forTerminal, oneLine, type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession, refuseUnknown, type Session } from '../cli/session.ts'
import { addValue, parsePositive, parseWholeNumber, readJsonValue, readText } from '../cli/values.ts'
import { NO_PROGRESS, type StepProgress, type Workflow, workflowTree } from '../cli/workflow-text.ts'

const STATUSES: readonly Workflow['status'][] = ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED']
const upper = (value: string) => value.toUpperCase()

const FIRST_MS = 200
const MAX_WAIT_MS = 2_000

interface RunOptions {
  readonly name?: string
  readonly tag?: readonly string[]
  readonly idempotencyKey?: string
  readonly watch?: boolean
  readonly giveUp?: number
}

/** `workflow`: submits and shows chains, groups, chords and graphs of tasks, from a file of YAML or JSON. */
export const addWorkflow: AddCommand = (program) => {
  const workflow = program
    .command('workflow')
    .alias('workflows')
    .description('run and follow chains, groups, chords and graphs of tasks')
  workflow
    .command('run')
    .description('start the workflow of a file')
    .argument('<file>', 'YAML or JSON in the format of POST /workflows; - for stdin')
    .option('--name <text>', 'another name than in the file')
    .option('--tag <word>', 'a word to find it by; may be repeated', addValue)
    .option('-k, --idempotency-key <key>', 'the same key gives the same workflow back')
    .option('-w, --watch', 'show its steps until it ends')
    .option('--give-up <seconds>', 'with --watch: exit with 6 when it runs longer', parsePositive)
    .action(async (file: string, options: RunOptions, command) => {
      const body = readWorkflow(await readText(file === '-' ? file : `@${file}`), file)
      const session = await openSession(command)
      const started = await session.api.json('submitWorkflow', {
        body: {
          ...body,
          ...(options.name ? { name: options.name } : {}),
          ...(options.tag ? { tags: [...options.tag] } : {}),
        },
        headers: { 'idempotency-key': options.idempotencyKey ?? newKey() },
      })
      if (options.watch) return watch(session, started.id, options.giveUp)
      session.show(started, () => started.id)
      session.note(`Follow it: npx taskrunner workflow show ${started.id} --watch`)
    })
  workflow
    .command('show')
    .description('show the steps of a workflow')
    .argument('<id>')
    .option('-w, --watch', 'until it ends')
    .option('--mermaid', 'as a Mermaid diagram')
    .option('--give-up <seconds>', 'with --watch: exit with 6 when it runs longer', parsePositive)
    .action(async (id: string, options: { watch?: boolean; mermaid?: boolean; giveUp?: number }, command) => {
      const session = await openSession(command)
      if (options.watch) return watch(session, id, options.giveUp)
      if (options.mermaid) {
        const { body } = await session.api.call('getWorkflow', {
          params: { id },
          query: { format: 'mermaid' },
        })
        return session.out(String(body))
      }
      show(session, await session.api.json('getWorkflow', { params: { id } }))
    })
  workflow
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('list workflows, newest first')
    .addOption(new Option('-s, --status <status>', STATUSES.join(', ').toLowerCase()).argParser(upper))
    .option('-n, --limit <n>', 'at most so many', parseWholeNumber, 20)
    .action(async ({ status, limit }: { status?: Workflow['status']; limit: number }, command) => {
      refuseUnknown(command)
      const session = await openSession(command)
      const workflows: ListedWorkflow[] = []
      let cursor: string | undefined
      do {
        const page: Json<'listWorkflows'> = await session.api.json('listWorkflows', {
          query: { status, limit: Math.max(1, Math.min(LIMITS.pageSize, limit - workflows.length)), cursor },
        })
        workflows.push(...page.workflows)
        cursor = page.next_cursor ?? undefined
      } while (cursor !== undefined && workflows.length < limit)
      session.show({ workflows, next_cursor: cursor ?? null }, () =>
        listText(workflows, Date.now(), session.paint),
      )
      if (cursor !== undefined && !session.isJson) session.note(`More: --limit ${limit * 2}`)
    })
  for (const [name, operation, does] of [
    ['cancel', 'cancelWorkflow', 'cancel a workflow with its queued and running tasks'],
    ['retry', 'retryWorkflow', 'run the failed steps again; finished ones are kept'],
  ] as const)
    workflow
      .command(name)
      .description(does)
      .argument('<id>')
      .action(async (id: string, _options, command) => {
        const session = await openSession(command)
        show(session, await session.api.json(operation, { params: { id } }))
      })
  workflow
    .command('signal')
    .description('end a wait of a workflow: an approval')
    .argument('<id>')
    .argument('<name>', 'of the signal')
    .option('-p, --payload <json>', 'data for the steps after it', '{}')
    .action(async (id: string, name: string, options: { payload: string }, command) => {
      const body = await readJsonValue(options.payload, '--payload')
      const session = await openSession(command)
      show(session, await session.api.json('signalWorkflow', { params: { id, name }, body: body as never }))
    })
}

/** JSON is valid YAML too. @throws CliError that names the line. */
function readWorkflow(text: string, file: string): Record<string, unknown> {
  let body: unknown
  try {
    body = parseYaml(text)
  } catch (cause) {
    throw usageError(`${file} is neither YAML nor JSON: ${oneLine((cause as Error).message)}`)
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw usageError(`${file} holds no workflow: give "chain", "group", "chord" or "steps".`)
  return body as Record<string, unknown>
}

const asText = (workflow: Workflow, { paint, columns }: Session, progress = NO_PROGRESS): string =>
  workflowTree(workflow, { now: Date.now(), paint, columns, progress })

/** Most steps whose progress is read each time. */
const MAX_STEPS_READ = 8

/** Progress of running steps with one task, by the step's name; for several tasks the tree counts the completed ones. */
async function progressOf(session: Session, { steps }: Workflow): Promise<StepProgress> {
  const running = Object.entries(steps).filter(([, { status, task_id }]) => status === 'RUNNING' && task_id)
  const progressOfSteps = await Promise.all(
    running.slice(0, MAX_STEPS_READ).map(async ([name, { task_id }]) => {
      const { progress } = await session.api.json('getTask', { params: { id: task_id ?? '' } })
      return progress ? [[name, progress] as const] : []
    }),
  )
  return new Map(progressOfSteps.flat())
}

const show = (session: Session, workflow: Workflow): void =>
  session.show(workflow, () => asText(workflow, session))

/** On a terminal the tree is redrawn in place, otherwise it is written whenever a step has changed. */
async function watch(session: Session, id: string, giveUpSeconds = Number.POSITIVE_INFINITY): Promise<void> {
  const end = Date.now() + giveUpSeconds * 1_000
  let drawn = 0
  let last = ''
  for (let waitMs = FIRST_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 1.3)) {
    const workflow = await session.api.json('getWorkflow', { params: { id } })
    const progress = session.isJson ? NO_PROGRESS : await progressOf(session, workflow)
    const state = JSON.stringify([workflow.status, workflow.steps, [...progress]])
    const text = session.isJson ? JSON.stringify(workflow) : asText(workflow, session, progress)
    if (session.isLive) {
      drawn = redraw(text, drawn)
    } else if (state !== last) session.out(text)
    if (state !== last) waitMs = FIRST_MS
    last = state
    if (workflow.status !== 'RUNNING') {
      if (workflow.status !== 'COMPLETED') session.exit(EXIT.taskFailed)
      return
    }
    if (Date.now() > end)
      throw new CliError(EXIT.stillRunning, `Workflow ${id} still runs after ${giveUpSeconds} s. It goes on.`)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

/** @returns the number of screen rows that it takes. */
function redraw(text: string, drawn: number): number {
  const { stdout } = process
  const { lines, rows } = fitToScreen(text.split('\n'), stdout)
  const back = drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ''
  stdout.write(`${back}${lines.map((line) => forTerminal(line, stdout)).join('\n')}\n`)
  return rows
}

const listText = (workflows: readonly ListedWorkflow[], now: number, paint: Paint): string =>
  workflows.length === 0
    ? 'No workflows.'
    : table(
        ['ID', 'STATUS', 'AGE', 'NAME'],
        workflows.map(({ id, status, created_at, name }) => [
          id,
          status,
          durationText(now - Date.parse(created_at)),
          oneLine(name),
        ]),
        { paint },
      )
type ListedWorkflow = Pick<Workflow, 'id' | 'status' | 'created_at' | 'name'>
