import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import type { ShownWorkflow } from '../../core/application/workflow/show-workflow.ts'
import { FAILURE_POLICIES } from '../../core/domain/workflow/plan.ts'
import { NODE_STATUSES, SKIP_REASONS, WORKFLOW_STATUSES } from '../../core/domain/workflow/workflow.ts'
import { iso } from './time.ts'

const condition = z.strictObject({
  $from: z.string().describe('A reference, e.g. check.result.ok.'),
  default: z.unknown().optional(),
  equals: z.unknown().optional(),
  not_equals: z.unknown().optional(),
  in: z.array(z.unknown()).max(100).optional(),
  greater_than: z.number().optional(),
  less_than: z.number().optional(),
})

const wait = z.strictObject({
  signal: z
    .string()
    .regex(
      /^[A-Za-z][\w-]{0,39}$/,
      'must begin with a letter and have at most 40 letters, digits, "_" or "-".',
    ),
  timeout_seconds: z
    .number()
    .min(1)
    .max(LIMITS.maxDelayDays * 86_400)
    .optional(),
  on_timeout: z.enum(['fail', 'continue']).default('fail'),
})

/** A task with the fields of POST /tasks, a wait, or nested steps. */
const step = z
  .looseObject({
    name: z.string().optional().describe('Name of the step in references.'),
    after: z
      .array(z.string())
      .max(500)
      .optional()
      .describe('With named steps: the steps that must end before.'),
    if: condition.optional(),
    wait: wait.optional().describe('Instead of a task: waits for a call to /signals/{signal}.'),
    type: z.string().optional(),
    input: z
      .unknown()
      .optional()
      .describe('May contain {"$from": "step.result.field"}, and one {"$each": "step.result.list"}.'),
    get chain() {
      return z.array(step).max(500).optional()
    },
    get group() {
      return z.array(step).max(10_000).optional()
    },
    get chord() {
      return z.strictObject({ group: z.array(step).max(10_000), then: step }).optional()
    },
  })
  .meta({ id: 'WorkflowStep' })

export const workflowBody = z
  .strictObject({
    name: z.string().min(1).max(100).optional(),
    chain: z.array(step).max(500).optional().describe('One after the other.'),
    group: z.array(step).max(10_000).optional().describe('Side by side.'),
    chord: z
      .strictObject({ group: z.array(step).max(10_000), then: step })
      .optional()
      .describe('Side by side, then one with all results.'),
    steps: z.record(z.string(), step).optional().describe('By name, each after those it names.'),
    on_failure: z.enum(FAILURE_POLICIES).default('fail_fast'),
    timeout_seconds: z
      .number()
      .min(1)
      .max(LIMITS.maxDelayDays * 86_400)
      .optional()
      .describe('Of the whole.'),
    tags: z.array(z.string().min(1).max(64)).max(LIMITS.maxTags).default([]),
  })
  .meta({ id: 'WorkflowRequest' })

const time = z.iso.datetime()
const failure = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }).nullable()

export const workflowSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(WORKFLOW_STATUSES),
    epoch: z.int().describe('Increased by each retry by hand.'),
    on_failure: z.enum(FAILURE_POLICIES),
    error: failure,
    tags: z.array(z.string()),
    created_at: time,
    updated_at: time,
    finished_at: time.nullable(),
    expires_at: time.nullable(),
    steps: z.record(
      z.string(),
      z.object({
        status: z.enum(NODE_STATUSES),
        kind: z.enum(['task', 'group', 'each', 'wait']),
        type: z.string().nullable(),
        after: z.array(z.string()),
        tasks: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
        signal: z.string().nullable().describe('Signal that a step of kind wait waits for.'),
        task_id: z.string().nullable().describe('Of a step with one task: GET /tasks/{id} has its result.'),
        error: failure,
        reason: z
          .enum(SKIP_REASONS)
          .nullable()
          .describe(
            'Why it was skipped: its `if`, a failed step that it needs, or a signal that did not arrive.',
          ),
        started_at: time.nullable(),
        finished_at: time.nullable(),
      }),
    ),
    tasks: z.int().describe('Number of tasks created so far.'),
    cost_usd: z.number().nullable().describe('Of its ended tasks; null when a price is unknown.'),
    links: z.object({ self: z.string(), cancel: z.string(), retry: z.string(), mermaid: z.string() }),
  })
  .meta({ id: 'Workflow' })

export const workflowParams = z.object({ id: z.string().describe('Id of the workflow.') })

export function toWorkflowJson(
  { workflow, steps, tasks, costMicroUsd }: ShownWorkflow,
  base: string,
): z.input<typeof workflowSchema> {
  const self = `${base}/workflows/${encodeURIComponent(workflow.id)}`
  return {
    id: workflow.id,
    name: workflow.name,
    status: workflow.status,
    epoch: workflow.epoch,
    on_failure: workflow.onFailure,
    error: workflow.error ?? null,
    tags: [...workflow.tags],
    created_at: iso(workflow.createdAt),
    updated_at: iso(workflow.updatedAt),
    finished_at: iso(workflow.finishedAt),
    expires_at: iso(workflow.expiresAt),
    steps: Object.fromEntries(
      steps.map(({ name, kind, type, after, state, completed, failed, taskId }) => [
        name,
        {
          status: state.status,
          kind,
          type,
          after: [...after],
          tasks: { total: state.size ?? 0, completed, failed },
          signal: state.signal ?? null,
          task_id: taskId,
          error: state.error ?? null,
          reason: state.reason ?? null,
          started_at: iso(state.startedAt),
          finished_at: iso(state.finishedAt),
        },
      ]),
    ),
    tasks,
    cost_usd: costMicroUsd === null ? null : costMicroUsd / 1_000_000,
    links: {
      self,
      cancel: `${self}/cancel`,
      retry: `${self}/retry`,
      mermaid: `${self}?format=mermaid`,
    },
  }
}
