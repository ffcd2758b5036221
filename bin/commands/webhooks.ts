import type { Call, Json } from '../../lib/client/types.ts'
import { type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

type Endpoint = Json<'listWebhooks'>['webhooks'][number]
type Delivery = Json<'listDeliveries'>['deliveries'][number]

interface Filter {
  readonly task?: string
  readonly endpoint?: string
  readonly since?: string
}
const toQuery = ({ task, endpoint, since }: Filter) => ({
  ...(task ? { task_id: task } : {}),
  ...(endpoint ? { endpoint } : {}),
  ...(since ? { created_after: since } : {}),
})

export const addWebhooks: AddCommand = (program) => {
  const webhooks = program
    .command('webhooks')
    .description('show the endpoints that receive the events of tasks')
    .action(async (_options, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('listWebhooks')
      session.show(answer, () => endpointTable(answer.webhooks, session.paint))
    })
  webhooks
    .command('add')
    .description('send the events of every new task to a URL')
    .argument('<url>', 'https, to a public address')
    .option(
      '--event <event...>',
      'started, progress, completed, failed, cancelled, expired; by default all events of an end',
    )
    .action(async (url: string, { event }: { event?: string[] }, command) => {
      const session = await openSession(command)
      const made = await session.api.json('createWebhook', {
        body: { url, ...(event ? { events: event } : {}) } as NonNullable<Call<'createWebhook'>['body']>,
      })
      session.show(
        made,
        () => `${made.id} receives the events of every task that is submitted ten seconds from now or later.`,
      )
    })
  webhooks
    .command('secret')
    .description('show the secret that receivers check signatures with')
    .option('--rotate', 'create a new one; the previous one also signs for a day')
    .action(async ({ rotate }: { rotate?: boolean }, command) => {
      const session = await openSession(command)
      const answer = await (rotate
        ? session.api.json('rotateWebhookSecret')
        : session.api.json('getWebhookSecret'))
      session.show(answer, () => answer.secret)
    })
  webhooks
    .command('deliveries')
    .description('show what was sent, newest first')
    .option('--failed', 'only those that were given up')
    .option('--task <id>', 'only of this task')
    .option('--endpoint <id>', 'only to this endpoint')
    .action(async ({ failed, ...filter }: { failed?: boolean } & Filter, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('listDeliveries', {
        query: { status: failed ? 'FAILED' : undefined, ...toQuery(filter) },
      })
      session.show(answer, () => deliveryTable(answer.deliveries, session.paint))
    })
  webhooks
    .command('resend')
    .description('resend a delivery, or all that were given up')
    .argument('[delivery]', 'id; by default all that were given up')
    .option('--task <id>', 'only of this task')
    .option('--endpoint <id>', 'only to this endpoint')
    .option('--since <time>', 'only those created since then, RFC 3339')
    .action(async (id: string | undefined, filter: Filter, command) => {
      const session = await openSession(command)
      if (id === undefined) {
        const { resent } = await session.api.json('resendDeliveries', { body: toQuery(filter) })
        session.show({ resent }, () => `${resent} on their way.`)
        return
      }
      const one = await session.api.json('resendDelivery', { params: { id } })
      session.show(one, () => `${one.id} is on its way.`)
    })
}

export const endpointTable = (endpoints: readonly Endpoint[], paint: Paint): string =>
  endpoints.length === 0
    ? 'No endpoint. Tasks may name a URL of their own.'
    : table(
        ['ENDPOINT', 'URL', 'EVENTS', 'STATE'],
        endpoints.map(({ id, url, events, gone_at }) => [
          id,
          url,
          events?.join(', ') ?? 'every end',
          gone_at ? paint('red', `gone since ${gone_at}`) : 'told',
        ]),
        { paint },
      )

export const deliveryTable = (deliveries: readonly Delivery[], paint: Paint): string =>
  deliveries.length === 0
    ? 'Nothing was sent.'
    : table(
        ['DELIVERY', 'TASK', 'EVENT', 'STATUS', 'TRIES', 'LAST ANSWER', 'URL'],
        deliveries.map(({ id, task_id, event, status, attempts, log, url }) => {
          const last = log.at(-1)
          return [
            id,
            task_id,
            event,
            status === 'FAILED' ? paint('red', status) : status,
            String(attempts),
            [last?.status, last?.error].filter((part) => part != null).join(' ') || '-',
            url,
          ]
        }),
        { paint },
      )
