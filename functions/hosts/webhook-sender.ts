/** Dependencies of the function that sends webhooks, and of those that return signing keys. */
import { HttpSender } from '../core/adapters/webhooks/http-sender.ts'
import { newSecret, signWebhook } from '../core/adapters/webhooks/sign.ts'
import { allowsLoopback } from './webhooks.ts'

export { newSecret, signWebhook }

export const openSender = (): HttpSender => new HttpSender({ allowsLoopback: allowsLoopback() })
