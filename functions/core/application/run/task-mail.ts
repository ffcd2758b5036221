import { TaskError } from '../../domain/errors.ts'
import type { Delivery, Mail, Mailer } from '../../ports/mailer.ts'
import type { TaskSteps } from './run-steps.ts'

/** A mail that the service refuses for the moment is tried again by the task's own attempts, each with marks of its own. */
const MAX_TRIES = 20

/**
 * Mail of one attempt: at most once for each name in the life of a task.
 *
 * The mark "begun" is kept before the send and "ended" after it. Dying between the two leaves the first alone: whoever
 * comes then cannot know whether the mail went out, says so and sends nothing. Only a refusal, which is kept, too, opens
 * the next try.
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
