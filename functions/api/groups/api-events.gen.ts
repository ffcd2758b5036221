// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { streamHandler } from '../../hosts/stream.ts'
import { watchTaskRoute } from '../routes/tasks/watch-task.ts'

export const handler = streamHandler([
  watchTaskRoute,
])
