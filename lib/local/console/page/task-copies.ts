/// <reference lib="dom" />
/** A task in forms that can be pasted elsewhere. */
import { apiPath, type Task } from './client.ts'
import { hasKey } from './key.ts'

/** The request as a body of `POST /tasks`. */
export function bodyOf({ type, input, model, priority, tags }: Task): Record<string, unknown> {
  return {
    type,
    input,
    ...(model === null ? {} : { model }),
    ...(priority === 0 ? {} : { priority }),
    ...(tags.length === 0 ? {} : { tags }),
  }
}

/** Quotes a text for a POSIX shell: inside single quotes only the quote itself is special. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** A closed stage also needs a key; the shell takes it from the variable that the command line uses. */
export const asCurl = (task: Task): string =>
  `curl -X POST ${location.origin}${apiPath()}/tasks -H 'Content-Type: application/json' ${hasKey() ? '-H "x-api-key: $TASKRUNNER_KEY" ' : ''}\\\n  -d ${quoted(JSON.stringify(bodyOf(task)))}`

/** A test for the file beside the task type: `functions/tasks/<name>/task.test.ts`. */
export function asTest(task: Task): string {
  const literal = (value: unknown) => JSON.stringify(value, null, 2).replaceAll('\n', '\n    ')
  const answer = typeof task.result === 'string' ? `, { answer: ${JSON.stringify(task.result)} }` : ''
  const name = JSON.stringify(task.error ? `does not fail with ${task.error.code}` : 'answers as it did')
  const expectation =
    task.status === 'COMPLETED'
      ? `expect(result).toEqual(${literal(task.result)})`
      : 'expect(result).toBeDefined()'
  return `import { expect, it } from 'vitest'
import { runTaskType } from '../../core/kit/run-task-type.ts'
import task from './task.ts'

it(${name}, async () => {
  const { result } = await runTaskType(task, ${literal(task.input)}${answer})
  ${expectation}
})
`
}
