import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DeleteMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Credentials } from '../../../lib/local/emulator/credentials.ts'
import { seeded } from './seeded.ts'

export const QUEUE_FAULTS = ['duplicated', 'lost', 'held-back', 'undeleted'] as const
export type QueueFault = (typeof QUEUE_FAULTS)[number]

interface Received {
  readonly MessageId: string
  readonly ReceiptHandle: string
  readonly Body: string
}
interface Kept {
  readonly message: Received
  readonly url: string
  readonly at: number
}

/**
 * A proxy between the event sources and SQS. It does what a standard queue may do, but more often: it delivers a message twice,
 * at once or after its delete; delays one so that later ones are delivered first; loses one; ignores a delete.
 */
export async function startQueueProxy(
  target: string,
  options: { share: number; readonly seed: number; readonly credentials: Credentials },
) {
  const random = seeded(options.seed)
  const done: Record<string, number> = {}
  const note = (fault: QueueFault) => {
    done[fault] = (done[fault] ?? 0) + 1
  }
  let kept: Kept[] = []
  const { hostname, port } = new URL(target)
  const sqs = new SQSClient({
    endpoint: target,
    useQueueUrlAsEndpoint: false,
    region: 'eu-central-1',
    credentials: options.credentials,
  })
  /** The headers as received, `Host` included, because it is signed. */
  const pass = (headers: Record<string, string>, body: string, signal: AbortSignal) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const call = request({ hostname, port, method: 'POST', headers, signal }, async (answer) => {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk as Buffer)
        resolve({ status: answer.statusCode ?? 502, text: Buffer.concat(chunks).toString('utf8') })
      })
      call.on('error', reject)
      call.end(body)
    })

  const server = createServer(async (incoming, outgoing) => {
    incoming.on('error', () => undefined)
    outgoing.on('error', () => undefined)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString('utf8')
      const operation = String(incoming.headers['x-amz-target']).split('.')[1] ?? ''
      const headers = Object.fromEntries(
        Object.entries(incoming.headers).filter(
          (entry): entry is [string, string] =>
            typeof entry[1] === 'string' &&
            !['connection', 'content-length', 'transfer-encoding'].includes(entry[0]),
        ),
      )
      const hangUp = new AbortController()
      outgoing.on('close', () => hangUp.abort())
      const send = (status: number, text: string) => {
        outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
        outgoing.end(text)
      }
      if (operation === 'DeleteMessageBatch' && random() < options.share / 2) {
        note('undeleted')
        const { Entries } = JSON.parse(body) as { Entries: { Id: string }[] }
        return send(200, JSON.stringify({ Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] }))
      }
      const { status, text } = await pass(headers, body, hangUp.signal)
      if (operation !== 'ReceiveMessage' || status !== 200) return send(status, text)
      const { QueueUrl } = JSON.parse(body) as { QueueUrl: string }
      const { Messages = [] } = JSON.parse(text) as { Messages?: Received[] }
      const given: Received[] = []
      for (const message of Messages) {
        const dice = random()
        if (dice < options.share / 4) {
          note('lost')
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }))
        } else if (dice < options.share / 2) {
          note('held-back')
          kept.push({ message, url: QueueUrl, at: Date.now() + 500 + random() * 4_000 })
        } else {
          given.push(message)
          if (dice > options.share) continue
          note('duplicated')
          kept.push({ message, url: QueueUrl, at: Date.now() + random() * 8_000 })
        }
      }
      const ready = kept
        .filter(({ url, at }) => url === QueueUrl && at <= Date.now())
        .slice(0, 10 - given.length)
      kept = kept.filter((one) => !ready.includes(one))
      given.push(...ready.map(({ message }) => message))
      send(200, JSON.stringify(given.length > 0 ? { Messages: given } : {}))
    } catch {
      outgoing.destroy()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    /** Ends the faults; delayed messages are still delivered. */
    heal: () => {
      options.share = 0
    },
    stop: () =>
      new Promise<void>((resolve) => {
        sqs.destroy()
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
