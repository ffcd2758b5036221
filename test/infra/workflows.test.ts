import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readAudit } from '../../lib/deploy/audit.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = join(root, '.github/workflows')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

interface Workflow {
  readonly permissions?: unknown
  readonly jobs: Record<
    string,
    { readonly steps: readonly { readonly uses?: string; readonly run?: string }[] }
  >
}

describe.each(readdirSync(folder))('workflow %s', (name) => {
  const workflow = parse(read(name)) as Workflow
  const steps = Object.values(workflow.jobs).flatMap(({ steps: all }) => all)

  it('names each action by its digest, with the version as a comment', () => {
    const lines = read(name).match(/uses: .*/g) ?? []
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(line).toMatch(/^uses: [\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it('may only read the repository, unless a job says otherwise', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
  })

  it('puts no expression into a script, where the name of a branch could inject code', () => {
    for (const { run = '' } of steps) expect(run).not.toContain('${{')
  })

  it('runs only scripts that exist', () => {
    for (const { run = '' } of steps)
      for (const [, script = ''] of run.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
        expect(Object.keys(scripts)).toContain(script)
  })
})

describe('the workflow of deployments', () => {
  it('runs a task on every stage once it is deployed', () => {
    const { deploy } = (parse(read('deploy.yml')) as Workflow).jobs
    const runs = deploy?.steps.map(({ run = '' }) => run) ?? []
    const at = (text: string) => runs.findIndex((run) => run.includes(text))
    expect(at('npm run smoke -- "$STAGE"')).toBeGreaterThan(at('npm run deploy -- "$STAGE"'))
    expect(deploy?.steps[at('npm run smoke')]).not.toHaveProperty('if')
  })
})

describe('npm run audit', () => {
  const report = (severity: string) =>
    JSON.stringify({ vulnerabilities: { left: { severity, range: '<1' } } })

  it.each([
    ['{"vulnerabilities":{}}', false, 'No high or critical fault is known.'],
    [report('critical'), true, 'critical: left <1'],
    [report('high'), true, 'high: left <1'],
    [report('low'), false, 'low: left <1'],
    ['{"message":"405 Method Not Allowed"}', false, 'does not answer: 405'],
    ['<html>', false, 'is no report'],
    ['', false, 'is no report'],
  ])('reads %s', (output, isBad, says) => {
    const audit = readAudit(output)
    expect(audit.hasSevereFindings).toBe(isBad)
    expect(audit.lines.join('\n')).toContain(says)
  })
})
