import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { beforeEach, describe, expect, it } from 'vitest'
import { toAlarmMemory } from '../../lib/local/cloudwatch/alarm-watch.ts'
import { MetricStore } from '../../lib/local/cloudwatch/metric-store.ts'
import { toArticles } from '../../lib/local/console/outbox-page.ts'
import { PausedSources } from '../../lib/local/emulator/paused-sources.ts'
import { readPepper } from '../../lib/local/emulator/services/key-pepper.ts'
import { readOutbox, startOutbox } from '../../lib/local/emulator/services/outbox.ts'
import { startParameters } from '../../lib/local/emulator/services/parameters.ts'
import { Database } from '../../lib/local/emulator/services/table/database.ts'
import { readStateFile } from '../../lib/local/emulator/state-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'damaged-'))
})

/** Damage to a file by power cuts, full disks and people. */
const DAMAGES: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  'is empty': (path) => writeFile(path, ''),
  'is cut in half': async (path) => {
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, Math.ceil(whole.length / 2)))
  },
  'is binary': (path) => writeFile(path, randomBytes(5_000)),
  'is full of zeros': (path) => writeFile(path, Buffer.alloc(5_000)),
  'is JSON of another kind': (path) => writeFile(path, '{"states": 3, "ids": null}'),
  'says null': (path) => writeFile(path, 'null'),
  'is a folder': async (path) => {
    await rm(path)
    await mkdir(path)
  },
}
const each = Object.entries(DAMAGES)

describe.each(each)('a file that %s', (_, damage) => {
  it('is named in a warning when it lists paused lanes, which are then active', async () => {
    const path = join(folder, 'paused-sources.json')
    await writeFile(path, '["one","two"]')
    await damage(path)
    const warnings: string[] = []
    const paused = new PausedSources(path, (text) => warnings.push(text))
    await paused.load()
    expect([[...paused.ids], warnings]).toEqual([[], [expect.stringContaining(path)]])
  })

  it('is refused when it is the secret of keys, with what to do', async () => {
    await readPepper(folder)
    const path = join(folder, 'key-pepper')
    await damage(path)
    await expect(readPepper(folder)).rejects.toThrow(path)
  })

  it('is refused as the stored state of alarms', async () => {
    const path = join(folder, 'alarms.json')
    await writeFile(path, '{"states":[{"name":"a","state":"OK","since":1}],"changes":[]}')
    expect(toAlarmMemory((await readStateFile(path)) ?? '').states).toHaveLength(1)
    await damage(path)
    await expect((async () => toAlarmMemory((await readStateFile(path)) ?? ''))()).rejects.toThrow()
  })

  it('does not affect metrics that are measured later', async () => {
    const path = join(folder, 'metrics.jsonl')
    await writeFile(path, '["Test|a",1893499200000,1,1,1,1,0,1]\n')
    await damage(path)
    const metrics = new MetricStore(path)
    await metrics.load(Date.now()).catch((cause: Error) => expect(cause.message).toContain(path))
    const id = { namespace: 'Test', name: 'a', dimensions: {} }
    metrics.add(id, 7, 1_000_000)
    expect(metrics.value(id, 'Sum', 0, 2_000_000)).toBe(7)
  })

  it('is skipped in the outbox and named there, next to the other mails', async () => {
    const mail = {
      ...{ id: 'x', at: 1, from: 'a@x', to: ['b@x'], cc: [], bcc: [], replyTo: [], subject: 'Hello' },
      ...{ text: 'x', html: null, attachments: [] },
    }
    for (const name of ['1.json', '2.json']) await writeFile(join(folder, name), JSON.stringify(mail))
    await damage(join(folder, '1.json'))
    const outbox = await readOutbox(folder)
    expect(outbox).toEqual({ mails: [mail], damaged: [join(folder, '1.json')] })
    expect(toArticles(outbox)).toContain(`${join(folder, '1.json')} is damaged`)
  })

  it('is refused as a table, and named', async () => {
    const path = join(folder, 'table.sqlite')
    const database = new Database(path)
    database.create(
      {
        TableName: 't',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      } as never,
      1,
    )
    database.close()
    await damage(path)
    expect(() => new Database(path)).toThrow(path)
  })
})

it('a call that a service cannot answer fails alone, and does not end the runtime', async () => {
  const keys = { LOCAL: 'secret' }
  const common = { region: 'eu-central-1', credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'secret' } }
  // Its folder cannot be made, because a file has its name: the write fails as on a full disk.
  await writeFile(join(folder, 'outbox'), '')
  const outbox = await startOutbox(join(folder, 'outbox'), keys)
  const ses = new SESv2Client({ ...common, endpoint: outbox.endpoint, maxAttempts: 1 })
  const simple = { Subject: { Data: 'x' }, Body: { Text: { Data: 'x' } } }
  const send = ses.send(new SendEmailCommand({ FromEmailAddress: 'a@x', Content: { Simple: simple } }))
  await expect(send).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
  const parameters = await startParameters(() => {
    throw new Error('no value')
  }, keys)
  const ssm = new SSMClient({ ...common, endpoint: parameters.endpoint, maxAttempts: 1 })
  await expect(ssm.send(new GetParameterCommand({ Name: 'x' }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 500 },
  })
  await Promise.all([outbox.stop(), parameters.stop()])
})
