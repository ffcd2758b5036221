import { getTask } from '../core/application/tasks/get-task.ts'
import { MissingError, RequestError } from '../core/domain/errors.ts'
import { mayNameFiles, withFileLinks } from '../core/domain/file-links.ts'
import type { Payload, TaskKey } from '../core/domain/task.ts'
import { openFiles, openPayloads, openStore } from '../hosts/lambda.ts'
import { anyJson } from './schemas/task.ts'
import { MAX_ANSWER_BYTES } from './schemas/task-json.ts'

/** The link is for one download that starts at once. */
const LINK_SECONDS = 300

export const openPayloadNeeds = () => ({ store: openStore(), payloads: openPayloads(), files: openFiles() })

/** Longer, because a person may look at the result before the download. */
const FILE_LINK_SECONDS = 3_600

/** Creates URLs of the files that a task has written. */
export const fileLinksFor =
  (files: Pick<ReturnType<typeof openFiles>, 'link'>, { tenant, id }: TaskKey) =>
  (file: string, name: string): Promise<string> =>
    files.link({ tenant, id }, FILE_LINK_SECONDS, file, name)

export const PAYLOAD_ANSWERS = {
  200: {
    description: 'The payload, if it is at most 8 kB or contains files, each with its URL.',
    schema: anyJson,
  },
  303: {
    description: 'A larger payload: download it from the URL within five minutes.',
    headers: { Location: 'Where the payload is downloaded.' },
  },
} as const

/** A Lambda answer has at most 6 MB, so payloads in the bucket are downloaded from there, by a URL that soon expires. */
export async function answerWithPayload(
  { store, payloads, files }: ReturnType<typeof openPayloadNeeds>,
  key: { readonly tenant: string; readonly id: string },
  part: 'input' | 'result',
) {
  const task = await getTask({ store }, key)
  const payload = task[part]
  if (!payload) throw new RequestError('not_found', `The task is ${task.status} and has no ${part}.`)
  const read = (kept: Payload) =>
    payloads.read(kept).catch((error: unknown) => {
      if (!(error instanceof MissingError)) throw error
      throw new RequestError('not_found', `The ${part} of this task has been deleted.`)
    })
  if ('json' in payload && (part === 'input' || !mayNameFiles(payload.json)))
    // The stored text itself where it contains no file, so that numbers of twenty digits stay exact.
    return { status: 200, text: payload.json } as const
  if ('json' in payload || (payload.hasFiles && payload.bytes <= MAX_ANSWER_BYTES)) {
    const linked = await withFileLinks(JSON.parse(await read(payload)), fileLinksFor(files, task))
    const text = JSON.stringify(linked)
    // The body is a string in Lambda's JSON answer, in which each of its quotes takes two characters.
    if ('json' in payload || Buffer.byteLength(JSON.stringify(text)) <= MAX_ANSWER_BYTES)
      return { status: 200, text } as const
  }
  const location = await payloads.link(payload, LINK_SECONDS)
  return { status: 303, headers: { location } } as const
}
