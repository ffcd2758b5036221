import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { IamReport } from '../fixtures/iam/gate.ts'
import { IAM_REPORTS } from '../fixtures/iam/iam.setup.ts'
import { isUnseen, UNSEEN } from './unseen.ts'

const folder = process.env[IAM_REPORTS] ?? ''
const files = await readdir(folder)
const reports = await Promise.all(
  files.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as IamReport),
)

/** Workers of all lanes run one bundle, and a right on every lane's queue is one decision, so lanes are not compared here. */
const general = (line: string): string =>
  line
    .replace(/^lane(ai|documents|demo|email|urgent)Worker/, 'Worker')
    .replace(/\b(lane|deadletters)(ai|documents|demo|email|urgent)Queue/, '$1*Queue')
    .replace(/event-source-mapping:.*/, 'event-source-mapping:*')
    .replace(/parameter\/.*-api-key/, 'parameter/*-api-key')

const linesOf = (of: keyof IamReport) => new Set(reports.flatMap((report) => report[of]).map(general))

/** Fewer runtimes than this mean a run of some files only, which cannot show that a right is unused. */
const WHOLE_RUN = 15
if (reports.length < WHOLE_RUN)
  console.log('SKIPPED, unused rights show only when every suite has run: npm test')

it.skipIf(reports.length < WHOLE_RUN)(
  'every right of every function is used, or listed with a reason',
  () => {
    const granted = linesOf('granted')
    const used = linesOf('used')
    const unused = [...granted].filter((line) => !used.has(line) && !isUnseen(line))
    expect(unused.toSorted()).toEqual([])
    // The right was removed, so its line must be removed, too.
    expect(Object.keys(UNSEEN).filter((line) => !granted.has(line))).toEqual([])
  },
)
