import { makeWorkflowWorld } from '../../fixtures/workflow-world.ts'

/**
 * docs.aws.amazon.com/lambda, "Use Lambda recursive loop detection": the approximate number of invocations of a function that
 * one chain of messages may have.
 */
const LAMBDA_STOPS_AT = 16

export interface ChainSeen {
  readonly stepsDone: number
  readonly status: string
}

/**
 * A workflow of sequential steps with the product's own code. Every message has the trace of the one before it. A worker ends a
 * step and asks for the next; the function that advances workflows makes it and sends it to the worker.
 *
 * @param mayFollowItself what the functions' `RecursiveLoop` says.
 */
export async function simulateChain(steps: number, mayFollowItself: boolean): Promise<ChainSeen> {
  const world = makeWorkflowWorld()
  const id = await world.create({ chain: Array.from({ length: steps }, () => ({ type: 'test.run' })) })
  let done = 0
  for (let invocations = 1; invocations <= steps + 1; invocations += 1) {
    if (invocations > LAMBDA_STOPS_AT && !mayFollowItself) break
    await world.advance(id)
    const [task] = world.open()
    if (!task) break
    await world.finish(task, { result: done })
    done += 1
    await world.report()
  }
  const workflow = await world.workflows.get({ tenant: 'acme', id })
  return { stepsDone: done, status: workflow?.status ?? 'gone' }
}
