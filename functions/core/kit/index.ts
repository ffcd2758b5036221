/** What a task author imports. */
export { clipEnd, clipStart } from '../domain/clip.ts'
export { TaskError } from '../domain/errors.ts'
export type { ImageType, JsonShape, MessagePart, ModelMessage } from '../ports/model-provider.ts'
export { type AskObject, askObject } from './ask-object.ts'
export {
  defineTask,
  type ModelCall,
  type ModelClient,
  type ModelReply,
  type TaskContext,
  type TaskDefinition,
} from './define-task.ts'
