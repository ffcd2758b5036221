import { MissingError } from '../../domain/errors.ts'
import type { Plan } from '../../domain/workflow/plan.ts'
import type { Workflow } from '../../domain/workflow/workflow.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'

/** @returns undefined when the object of a large plan has been deleted; it cannot be restored. */
export async function readPlan(
  payloads: Pick<PayloadStore, 'read'>,
  { plan }: Pick<Workflow, 'plan'>,
): Promise<Plan | undefined> {
  try {
    return JSON.parse(await payloads.read(plan)) as Plan
  } catch (error) {
    if (error instanceof MissingError) return undefined
    throw error
  }
}
