/** Example answers for the docs page; the compiler checks them against the schemas. Part of no bundle. */
import type * as z from 'zod'
import type { problemSchema, taskSchema } from '../functions/api/schemas/task.ts'

const ID = '01k9v5t3m8q2x7c4n6b1d0f9ga'
const SELF = `/api/v1/tasks/${ID}`

const pending: z.input<typeof taskSchema> = {
  id: ID,
  task_id: ID,
  type: 'text.generate',
  status: 'PENDING',
  lane: 'ai',
  priority: 0,
  model: 'gpt-3.5-turbo',
  prompt: 'What is quantum computing?',
  input: { prompt: 'What is quantum computing?' },
  result: null,
  error: null,
  progress: null,
  attempts: 0,
  max_attempts: 4,
  epoch: 1,
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  usage: null,
  queue: null,
  estimated_cost_usd: null,
  tags: [],
  created_at: '2030-01-31T09:00:00.000Z',
  updated_at: null,
  started_at: null,
  finished_at: null,
  run_at: null,
  deadline: null,
  expires_at: null,
  attempts_omitted: 0,
  history: [],
  steps: [],
  links: {
    self: SELF,
    events: `${SELF}/events`,
    input: `${SELF}/input`,
    result: `${SELF}/result`,
    cancel: `${SELF}/cancel`,
    retry: `${SELF}/retry`,
  },
}

const completed: z.input<typeof taskSchema> = {
  ...pending,
  status: 'COMPLETED',
  result: 'A quantum computer works with superpositions of states.',
  attempts: 1,
  usage: {
    input_tokens: 7,
    output_tokens: 12,
    cost_usd: 0.0000215,
    saved_usd: 0,
    provider: 'openai',
    cached_tokens: 0,
    reasoning_tokens: 0,
    model: 'gpt-3.5-turbo',
    finish_reason: 'stop',
    is_truncated: false,
    shared_with: null,
  },
  updated_at: '2030-01-31T09:00:03.200Z',
  started_at: '2030-01-31T09:00:00.400Z',
  finished_at: '2030-01-31T09:00:03.200Z',
  history: [
    {
      epoch: 1,
      attempt: 1,
      started_at: '2030-01-31T09:00:00.400Z',
      ended_at: '2030-01-31T09:00:03.200Z',
      outcome: 'completed',
      provider: 'openai',
    },
  ],
}

export const TASK_EXAMPLES = { 200: { completed }, 202: { pending } } as const

export const INVALID_EXAMPLE: z.input<typeof problemSchema> = {
  type: 'urn:problem:task-runner:invalid_request',
  title: 'Invalid request',
  status: 422,
  detail: 'priority must be at most 10. promt is not a known field. Nearest: "prompt".',
  instance: '/api/v1/tasks',
  code: 'invalid_request',
  errors: [
    { path: 'priority', message: 'must be at most 10.' },
    { path: 'promt', message: 'is not a known field. Nearest: "prompt".' },
  ],
}
