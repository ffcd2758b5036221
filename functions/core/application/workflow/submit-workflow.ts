import { type FieldError, RequestError } from '../../domain/errors.ts'
import type { TaskKey } from '../../domain/task.ts'
import { compileWorkflow, type WorkflowBody } from '../../domain/workflow/compile.ts'
import type { Plan, TaskBody } from '../../domain/workflow/plan.ts'
import { findReferences } from '../../domain/workflow/references.ts'
import { RESUME_MS, type Workflow } from '../../domain/workflow/workflow.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'
import type { OwnedLimit } from '../limits/limit-owned.ts'
import { invalid } from '../submit/prepare-submission.ts'
import type { WorkflowDependencies } from './start-tasks.ts'

export interface SubmitWorkflowDependencies {
  readonly workflows: WorkflowStore
  readonly wakeQueue: WakeQueue
  readonly payloads: PayloadStore
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly prepare: WorkflowDependencies['prepare']
  /** The tenant's limit of running workflows. */
  readonly workflowLimit?: OwnedLimit
}

export interface WorkflowRequest {
  readonly tenant: string
  readonly name?: string | undefined
  readonly body: WorkflowBody
  readonly tags: readonly string[]
  readonly timeoutMs?: number | undefined
  readonly idempotencyKey?: string | undefined
  /** SHA-256 of the request in canonical form. */
  readonly bodyHash: string
}

/**
 * Accepts a workflow: one conditional write, one send. A crash after the write loses nothing: the row is due in a minute.
 *
 * @throws RequestError `invalid_request` with a path per error, `idempotency_key_reused`, `limit_reached`.
 */
export async function submitWorkflow(
  dependencies: SubmitWorkflowDependencies,
  { tenant, name, body, tags, timeoutMs, idempotencyKey, bodyHash }: WorkflowRequest,
): Promise<{ readonly workflow: Workflow; readonly plan: Plan; readonly isReplay: boolean }> {
  const { workflows, payloads, clock, ids, log, workflowLimit } = dependencies
  const compiled = compileWorkflow(body)
  if ('errors' in compiled) throw invalid(compiled.errors)
  const { plan, paths } = compiled
  const wrong = await wrongTasks(dependencies, tenant, plan, paths)
  if (wrong.length) throw invalid(wrong)
  const now = clock.now()
  // A separate name space: the same key may create a task and a workflow.
  const id =
    idempotencyKey === undefined
      ? ids.taskId()
      : ids.derivedTaskId(tenant, `\u0000workflow-key/${idempotencyKey}`)
  const placed = { id, since: now }
  await workflowLimit?.take(tenant, placed).catch(async (error: unknown) => {
    // A replay creates no workflow, so it succeeds at the limit too.
    if (idempotencyKey === undefined || !(await workflows.get({ tenant, id }))) throw error
  })
  const workflow: Workflow = {
    tenant,
    id,
    name: name ?? id,
    status: 'RUNNING',
    epoch: 1,
    version: 1,
    plan: await payloads.keep({ tenant, id }, `plan-${ids.token()}`, JSON.stringify(plan)),
    onFailure: plan.onFailure,
    nodes: Object.fromEntries(plan.nodes.map((node) => [node.name, { status: 'WAITING' as const }])),
    signals: {},
    tags,
    bodyHash,
    createdAt: now,
    updatedAt: now,
    ...(timeoutMs === undefined ? {} : { timeoutMs, expiresAt: now + timeoutMs }),
    dueAt: now + RESUME_MS,
  }
  const outcome = await workflows.create(workflow)
  if (!outcome.created) {
    if (outcome.existing.createdAt !== now) await workflowLimit?.leave(tenant, placed).catch(() => undefined)
    if (outcome.existing.bodyHash !== bodyHash)
      throw new RequestError(
        'idempotency_key_reused',
        'This Idempotency-Key was used with another request body. Use a new key for a new workflow.',
        [{ path: 'Idempotency-Key', message: `belongs to workflow ${outcome.existing.id}` }],
      )
    return { workflow: outcome.existing, plan, isReplay: true }
  }
  await wakeWorkflow(dependencies, workflow)
  log('workflow.submitted', { tenant, workflow_id: id, steps: plan.nodes.length })
  return { workflow, plan, isReplay: false }
}

/** Sends the message for the next steps of a workflow whose row was just written. Never throws: the row is due. */
export async function wakeWorkflow(
  { wakeQueue, log }: Pick<SubmitWorkflowDependencies, 'wakeQueue' | 'log'>,
  { tenant, id }: TaskKey,
): Promise<void> {
  await wakeQueue
    .wake({ tenant, id })
    .catch((error) => log('workflow.unsent', { tenant, workflow_id: id, cause: String(error) }))
}

const MAX_ERRORS = 20

/** Validates each task as far as possible: inputs with references are validated when their values are known. */
async function wrongTasks(
  { prepare }: SubmitWorkflowDependencies,
  tenant: string,
  { nodes }: Plan,
  paths: ReadonlyMap<string, string>,
): Promise<readonly FieldError[]> {
  const errors: FieldError[] = []
  const checkOne = async (body: TaskBody, path: string) => {
    const hasReferences = findReferences(body.input, '').length > 0
    try {
      await prepare(tenant, body)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      for (const { path: at, message } of error.errors)
        if (!hasReferences || !/^input(\.|$)/.test(at))
          errors.push({ path: [path, at].filter(Boolean).join('.'), message })
    }
  }
  for (const node of nodes) {
    const path = paths.get(node.name) ?? ''
    if (node.kind === 'task') await checkOne(node.task, path)
    if (node.kind === 'group')
      for (const [index, body] of node.tasks.entries()) {
        if (errors.length >= MAX_ERRORS) break
        await checkOne(body, `${path}.${index}`)
      }
  }
  return errors.slice(0, MAX_ERRORS)
}
