/**
 * `npm run rehearse -- --save tasks.jsonl --bucket NAME` downloads the recordings of a stage from its payload bucket;
 * `npm run rehearse -- --from tasks.jsonl` runs the present code against them and reports which results would differ.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { PAYLOAD_PREFIX } from '../functions/contract.ts'
import { openRehearsal, type Rehearsal } from '../functions/hosts/rehearse.ts'
import { forTerminal } from './cli/screen.ts'

const IS_RECORDING = /\/recording-\d+-\d+\.json$/

async function save(file: string, bucket: string): Promise<void> {
  const s3 = new S3Client({ forcePathStyle: true })
  const out = createWriteStream(file, { mode: 0o600 })
  let count = 0
  let ContinuationToken: string | undefined
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: PAYLOAD_PREFIX, ContinuationToken }),
    )
    for (const { Key = '' } of page.Contents ?? []) {
      if (!IS_RECORDING.test(Key)) continue
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
      out.write(`${await Body?.transformToString('utf-8')}\n`)
      count += 1
    }
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken)
  await new Promise<void>((resolve) => out.end(resolve))
  s3.destroy()
  console.log(
    `${count} recorded attempts in ${file}. Set models.isRecorded in the stage's file to have more.`,
  )
}

async function rehearseAll(file: string): Promise<number> {
  const { rehearse, close } = await openRehearsal()
  const counts = { same: 0, otherwise: 0, reworded: 0 }
  try {
    let number = 0
    for await (const line of createInterface({ input: createReadStream(file) })) {
      number += 1
      if (line.trim() === '') continue
      let done: Rehearsal
      try {
        done = await rehearse(JSON.parse(line))
      } catch (cause) {
        throw new Error(`Line ${number} of ${file} is no recording: ${(cause as Error).message}`)
      }
      counts[done.isSame ? 'same' : 'otherwise'] += 1
      if (done.reworded > 0) counts.reworded += 1
      if (!done.isSame || done.reworded > 0 || done.unasked > 0)
        console.log(forTerminal(describe(done), process.stdout))
    }
  } finally {
    close()
  }
  const { same, otherwise, reworded } = counts
  console.log(`${same} end as before, ${otherwise} otherwise; ${reworded} ask in other words.`)
  return otherwise
}

const clip = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}
const told = (outcome: Rehearsal['now']): string =>
  'code' in outcome ? `fails with ${outcome.code}` : `gives ${clip(outcome.result)}`

function describe({ recording, now, isSame, reworded, unasked }: Rehearsal): string {
  const { id, attempt, type, outcome } = recording
  return [
    `${isSame ? '=' : '≠'} ${id} attempt ${attempt} (${type}): ${isSame ? told(now) : `was: ${told(outcome)}; now: ${told(now)}`}`,
    ...(reworded > 0 ? [`${reworded} calls in other words`] : []),
    ...(unasked > 0 ? [`${unasked} recorded calls not made`] : []),
  ].join('; ')
}

const { values } = parseArgs({
  options: { from: { type: 'string' }, save: { type: 'string' }, bucket: { type: 'string' } },
})
if (values.save !== undefined && values.bucket !== undefined) await save(values.save, values.bucket)
else if (values.from !== undefined) process.exitCode = (await rehearseAll(values.from)) > 0 ? 1 : 0
else {
  console.error(
    'npm run rehearse -- --from tasks.jsonl, or --save tasks.jsonl --bucket <payload bucket of the stage>',
  )
  process.exitCode = 2
}
