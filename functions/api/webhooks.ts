import { invalid } from '../core/application/submit/prepare-submission.ts'
import { clock, ids, log, openWebhookQueue, openWebhooks } from '../hosts/lambda.ts'
import { newSecret } from '../hosts/webhook-sender.ts'
import { refusalOfUrl } from '../hosts/webhooks.ts'

export const openWebhookNeeds = () => ({
  webhooks: openWebhooks(),
  webhookQueue: openWebhookQueue(),
  newSecret,
  clock,
  ids,
  log,
})

/** @throws RequestError for a URL to which nothing may be sent. */
export async function checkUrl(url: string): Promise<void> {
  const message = await refusalOfUrl(url)
  if (message) throw invalid([{ path: 'url', message }])
}
