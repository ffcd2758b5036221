import { TaskError } from '../../domain/errors.ts'
import type { Delivery, Mail, Mailer } from '../../ports/mailer.ts'
import type { TaskSteps } from './run-steps.ts'

/** Most tries per name. When the mail service refuses for now, the task's next attempt tries again, with its own records. */
const MAX_TRIES = 20

/**
 * Mail of one attempt: at most one mail per name for the whole task.
 *
 * A record "begun" is stored before the send and "ended" after it. If the process stops in between, only the first exists:
 * a later attempt cannot know whether the mail was sent, so it reports that and sends nothing. Only a refusal, which is
 * stored as well, allows another try.
 */
export function openTaskMail(
  mailer: Mailer,
  { once, kept }: Pick<TaskSteps, 'once' | 'kept'>,
  signal: AbortSignal,
) {
  return {
    send: async (mail: Mail, { name = 'mail' }: { readonly name?: string } = {}) => {
      for (let number = 1; number <= MAX_TRIES; number += 1) {
        const label = number === 1 ? name : `${name} ${number}`
        signal.throwIfAborted()
        const begun = await once(`${label} begun`, true)
        const delivery = begun.isOwn
          ? await sendOnce(label, mail)
          : ((await kept(`${label} ended`)) as Delivery | undefined)
        if (delivery?.outcome === 'sent') return { messageId: delivery.messageId }
        if (delivery === undefined || delivery.outcome === 'unknown')
          throw new TaskError(
            `The mail may have been sent, or not: ${delivery?.message ?? 'the attempt ended between the mark and the answer'}. It is not sent again. Look for it, then retry with {"from_start": true} if it never came.`,
            { code: 'delivery_unknown' },
          )
        if (delivery.when === 'never')
          throw new TaskError(`The mail was refused. ${delivery.message}.`, { code: 'mail_refused' })
        if (begun.isOwn)
          throw new TaskError(`The mail was not taken now. ${delivery.message}.`, {
            code: 'mail_deferred',
            retry: 'counted',
          })
      }
      throw new TaskError(`The mail was not taken in ${MAX_TRIES} tries.`, { code: 'mail_refused' })
    },
  }

  async function sendOnce(label: string, mail: Mail): Promise<Delivery> {
    signal.throwIfAborted()
    const delivery = await mailer.send(mail)
    await once(`${label} ended`, delivery)
    return delivery
  }
}
