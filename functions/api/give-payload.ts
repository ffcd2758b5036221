import { getTask } from '../core/application/tasks/get-task.ts'
import { RequestError } from '../core/domain/errors.ts'
import { openPayloads, openStore } from '../hosts/lambda.ts'
import { anyJson } from './schemas/task.ts'

/** The link is for one download, begun soon. */
const LINK_SECONDS = 300

export const openParts = () => ({ store: openStore(), payloads: openPayloads() })

export const PAYLOAD_ANSWERS = {
  200: { description: 'Up to 8 kB.', schema: anyJson },
  303: {
    description: 'Larger ones are fetched from where they lie, within five minutes.',
    headers: { Location: 'Where the payload is downloaded.' },
  },
} as const

/** Lambda answers at most 6 MB, so that what lies in the bucket is fetched from there, by a link that ends soon. */
export async function givePayload(
  { store, payloads }: ReturnType<typeof openParts>,
  key: { readonly tenant: string; readonly id: string },
  part: 'input' | 'result',
) {
  const task = await getTask({ store }, key)
  const payload = task[part]
  if (!payload) throw new RequestError('not_found', `The task is ${task.status} and has no ${part}.`)
  if ('json' in payload) return { status: 200, text: payload.json } as const
  const location = await payloads.link(payload, LINK_SECONDS)
  return { status: 303, headers: { location } } as const
}
