/** What a task author imports. */
export { TaskError } from '../domain/errors.ts'
export { defineTask, type ModelClient, type TaskContext, type TaskDefinition } from './define-task.ts'
