/// <reference lib="dom" />
/** The workflows, newest first; and one workflow with its live graph and its actions. */
import { api, costText, durationText, useLive } from './client.ts'
import { Age, durationOf, Failure, openDialog, Status, showMessage } from './parts.tsx'
import { GraphOfSteps } from './workflow-graph.tsx'

interface StepError {
  readonly code: string
  readonly message: string
}

export interface Step {
  readonly status: string
  readonly kind: string
  readonly type: string | null
  readonly after: readonly string[]
  readonly tasks: { readonly total: number; readonly completed: number; readonly failed: number }
  readonly signal: string | null
  readonly task_id: string | null
  readonly error: StepError | null
  readonly reason: keyof typeof WHY | null
  readonly started_at: string | null
  readonly finished_at: string | null
}

interface WorkflowSummary {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly created_at: string
  readonly finished_at: string | null
}

interface Workflow extends WorkflowSummary {
  readonly epoch: number
  readonly on_failure: string
  readonly error: StepError | null
  readonly tags: readonly string[]
  readonly expires_at: string | null
  readonly steps: Readonly<Record<string, Step>>
  readonly tasks: number
  readonly cost_usd: number | null
}

const STATUSES = ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const

export function WorkflowsPage() {
  const status = new URLSearchParams(location.search).get('status') ?? ''
  const { data, error } = useLive(
    () =>
      api<{ workflows: readonly WorkflowSummary[] }>(
        `/workflows?limit=100${status ? `&status=${status}` : ''}`,
      ),
    2_000,
  )
  return (
    <>
      <h1>Workflows</h1>
      <nav class="chips" aria-label="State">
        {['', ...STATUSES].map((one) => (
          <a
            key={one}
            href={one ? `?status=${one}` : location.pathname}
            aria-current={one === status ? 'true' : undefined}
          >
            {one.toLowerCase() || 'all'}
          </a>
        ))}
      </nav>
      <Failure error={error} />
      {data?.workflows.length === 0 && (
        <p class="empty">
          No workflow. Start one: <code>npx taskrunner workflow run file.yaml --watch</code>
        </p>
      )}
      {data && data.workflows.length > 0 && (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Name</th>
                <th scope="col">Duration</th>
                <th scope="col">Started</th>
              </tr>
            </thead>
            <tbody>
              {data.workflows.map((flow) => (
                <tr key={flow.id}>
                  <td>
                    <Status status={flow.status} />
                  </td>
                  <td class="about">
                    <a href={`/console/workflows/${flow.id}`}>{flow.name}</a>
                  </td>
                  <td class="number">{durationOf({ ...flow, started_at: flow.created_at })}</td>
                  <td>
                    <Age time={flow.created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}

export function WorkflowPage() {
  const id = location.pathname.split('/').at(-1) ?? ''
  const { data: flow, error, again } = useLive(() => api<Workflow>(`/workflows/${id}`), 1_000, id)
  if (!flow) return <Failure error={error} />
  const steps = Object.entries(flow.steps)
  const having = (...statuses: readonly string[]) =>
    steps.filter(([, step]) => statuses.includes(step.status)).length
  const actAndReload = async (act: Promise<boolean>) => (await act) && again()
  return (
    <article class="task">
      <header class="row">
        <h1>
          {flow.name} <Status status={flow.status} />
        </h1>
        <div class="row">
          {flow.status === 'RUNNING' && (
            <button type="button" onClick={() => void actAndReload(cancel(flow))}>
              Cancel
            </button>
          )}
          {(flow.status === 'FAILED' || flow.status === 'CANCELLED') && (
            <button type="button" class="primary" onClick={() => void actAndReload(retry(flow))}>
              Retry unfinished steps
            </button>
          )}
        </div>
      </header>
      <Failure error={error} />
      {steps
        .filter(([, step]) => step.status === 'RUNNING' && step.signal !== null)
        .map(([name, step]) => (
          <p class="explain" key={name}>
            Step <b>{name}</b> waits for the signal <code>{step.signal}</code>.{' '}
            <button
              type="button"
              class="primary"
              onClick={() => void actAndReload(signal(flow, step.signal ?? ''))}
            >
              Send {step.signal} …
            </button>
          </p>
        ))}
      {flow.error && (
        <section class="card error" aria-label="Error">
          <h2>
            <code>{flow.error.code}</code>
          </h2>
          <p class="text">{flow.error.message}</p>
        </section>
      )}
      <div class="tiles">
        <Count label="steps" value={steps.length} />
        <Count label="ended" value={having('COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED')} />
        <Count label="running" value={having('STARTING', 'RUNNING')} />
        <Count label="failed" value={having('FAILED')} />
        <Count label="tasks" value={flow.tasks} />
        <Count label="cost" value={costText(flow.cost_usd)} />
        <Count label="duration" value={durationOf({ ...flow, started_at: flow.created_at })} />
      </div>
      <GraphOfSteps steps={flow.steps} />
      <StepTable steps={steps} />
      <p class="muted">
        <code>{flow.id}</code>, epoch {flow.epoch}, on failure {flow.on_failure.replace('_', ' ')}
        {flow.expires_at && `, must end by ${flow.expires_at}`}
        {flow.tags.length > 0 && `, tags ${flow.tags.join(', ')}`}
      </p>
    </article>
  )
}

const Count = ({ label, value }: { label: string; value: number | string }) => (
  <div class={`tile${label === 'failed' && value !== 0 ? ' bad' : ''}`}>
    <b>{typeof value === 'number' ? value.toLocaleString('en') : value}</b>
    <span>{label}</span>
  </div>
)

const StepTable = ({ steps }: { steps: readonly (readonly [string, Step])[] }) => (
  <div class="scroll">
    <table class="list" aria-label="Steps">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Step</th>
          <th scope="col">Tasks</th>
          <th scope="col">Duration</th>
        </tr>
      </thead>
      <tbody>
        {steps.map(([name, step]) => (
          <tr key={name}>
            <td>
              <Status status={step.status} />
            </td>
            <td class="about">
              {step.task_id ? <a href={`/console/tasks/${step.task_id}`}>{name}</a> : name}{' '}
              <span class="muted">{step.type ?? (step.signal ? `waits for ${step.signal}` : step.kind)}</span>
              {step.reason && <span class="note"> {WHY[step.reason]}</span>}
              {step.error && (
                <span class="why" title={step.error.message}>
                  {step.error.code}: {step.error.message}
                </span>
              )}
            </td>
            <td class="number">{step.tasks.total > 0 && `${step.tasks.completed} of ${step.tasks.total}`}</td>
            <td class="number">
              {step.started_at &&
                durationText(
                  Date.parse(step.finished_at ?? new Date().toISOString()) - Date.parse(step.started_at),
                )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)

const WHY = {
  condition: 'its condition was false',
  upstream: 'a step before it failed',
  timeout: 'its signal did not arrive in time',
} as const

/** @returns whether the call succeeded. */
const send = (path: string, body: unknown, words: string): Promise<boolean> =>
  api(path, body).then(
    () => {
      showMessage(words)
      return true
    },
    (cause: Error) => {
      showMessage(cause.message, true)
      return false
    },
  )

async function cancel({ id, name }: Workflow): Promise<boolean> {
  const isSure = await openDialog({
    title: `Cancel ${name}?`,
    body: <p>Its waiting and running tasks are cancelled. Completed steps keep their results.</p>,
    action: 'Cancel the workflow',
    isDangerous: true,
  })
  return isSure && send(`/workflows/${id}/cancel`, {}, 'The workflow is cancelled.')
}

const retry = ({ id }: Workflow): Promise<boolean> =>
  send(`/workflows/${id}/retry`, {}, 'The unfinished steps run again.')

async function signal({ id }: Workflow, name: string): Promise<boolean> {
  let text = '{}'
  const isSure = await openDialog({
    title: `Send ${name}`,
    body: (
      <label>
        Value for later steps, as JSON:
        <textarea
          class="json"
          rows={4}
          defaultValue={text}
          onInput={({ currentTarget }) => {
            text = currentTarget.value
          }}
        />
      </label>
    ),
    action: `Send ${name}`,
  })
  if (!isSure) return false
  try {
    return await send(`/workflows/${id}/signals/${name}`, JSON.parse(text), `The signal ${name} is sent.`)
  } catch (cause) {
    showMessage(`Invalid JSON: ${(cause as Error).message}`, true)
    return false
  }
}
