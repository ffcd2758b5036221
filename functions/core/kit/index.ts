/** Everything that a task author imports. */

export { clipEnd, clipStart } from '../domain/clip.ts'
export { TaskError } from '../domain/errors.ts'
export { plainFileName } from '../domain/file-links.ts'
export { detectMediaType, unmarkedUtf16 } from '../domain/media-type.ts'
export type { ImageType, JsonShape, MessagePart, ModelMessage } from '../ports/model-provider.ts'
export { type AskObject, askObject } from './ask-object.ts'
export {
  defineTask,
  type FileRef,
  type ModelCall,
  type ModelClient,
  type ModelReply,
  type TaskContext,
  type TaskDefinition,
  type TaskFiles,
  type TaskMail,
  type UploadRef,
} from './define-task.ts'
export { fileShape, uploadShape } from './file-shapes.ts'
export { readSent } from './read-sent.ts'
