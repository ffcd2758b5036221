import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import type { Usage } from '../../domain/task.ts'
import type { StepScope } from '../../ports/step-scope.ts'

const spending = new AsyncLocalStorage<{ usage: Usage | undefined }>()

export const stepScope: StepScope = {
  measure: async (work) => {
    const spent: { usage: Usage | undefined } = { usage: undefined }
    const value = await spending.run(spent, async () => work())
    return { value, usage: spent.usage }
  },
  book: (add) => {
    const step = spending.getStore()
    if (step) step.usage = add(step.usage)
  },
  fingerprint: (content) => createHash('sha256').update(content).digest('hex'),
}
