import { join } from 'node:path'
import { KEY_PEPPER } from '../functions/contract.ts'
import type { LocalProduct } from './local/product.ts'

/** The facts about this product that the local runtime needs. */
export const TASK_RUNNER: LocalProduct = {
  name: 'Task runner',
  region: 'eu-central-1',
  apiPath: '/api/v1',
  docsPath: '/api/v1/docs',
  runbook: join(import.meta.dirname, 'observability/RUNBOOK.md'),
  dashboards: [
    { path: '/dashboard', title: 'Dashboard' },
    { path: '/dashboard/lanes', title: 'Dashboard of lanes' },
  ],
  randomParameter: KEY_PEPPER,
  // `/taskrunner/local/openai-api-key` is OPENAI_API_KEY.
  variableOf: (parameter) => (parameter.split('/').at(-1) ?? '').toUpperCase().replaceAll('-', '_'),
  alarmLabel: (name) => name.replace(/^TaskRunner-[^-]+-/, ''),
  topicLabel: (arn) => arn.replace(/^.*-Alarms(\w+?)[0-9A-F]{8}$/, '$1'),
  workIn: (event) => {
    const { Records } = JSON.parse(event) as { Records?: readonly { body?: string }[] }
    if (!Array.isArray(Records)) return []
    return Records.flatMap(({ body }) => /"id":"([^"]+)"/.exec(String(body))?.[1] ?? [])
  },
}
