import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import type { Usage } from '../../domain/task.ts'
import type { StepScope } from '../../ports/step-scope.ts'

const spending = new AsyncLocalStorage<{ readonly step: string; usage: Usage | undefined }>()

export const stepScope: StepScope = {
  measure: async (work, step) => {
    const spent: { readonly step: string; usage: Usage | undefined } = { step, usage: undefined }
    const value = await spending.run(spent, async () => work())
    return { value, usage: spent.usage }
  },
  current: () => spending.getStore()?.step,
  book: (add) => {
    const step = spending.getStore()
    if (step) step.usage = add(step.usage)
  },
  fingerprint: (content) => createHash('sha256').update(content).digest('hex'),
}
