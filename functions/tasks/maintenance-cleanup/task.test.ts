import { describe, expect, it } from 'vitest'
import { runTaskType } from '../../core/kit/run-task-type.ts'
import type { CleanedUp } from '../../core/ports/upkeep.ts'
import task from './task.ts'

const walked = (tasks: number, isComplete: boolean): CleanedUp => ({
  ...{ tasks, uploads: 1, objects: 2, failed: 0, isComplete },
})

describe('maintenance.cleanup', () => {
  it('calls the cleanup until it is done, each scan as a step, and sums its counts', async () => {
    const answers = [walked(40, false), walked(30, false), walked(2, true)]
    const cleanUp = async () => answers.shift() ?? walked(0, true)
    const { result, stepped, progressReports } = await runTaskType(task, {}, { cleanUp })
    expect(result).toEqual({ tasks: 72, uploads: 3, objects: 6, failed: 0 })
    expect(stepped).toEqual(['walk 1', 'walk 2', 'walk 3'])
    expect(progressReports.at(-1)).toEqual({ percent: 100, message: '72 tasks deleted' })
  })

  it('takes no input', async () => {
    await expect(runTaskType(task, { everything: true } as never)).rejects.toThrow(/everything/)
  })
})
