import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stack } from 'aws-cdk-lib'
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions'
import { describe, expect, it } from 'vitest'
import { METRICS, type MetricDefinition } from '../../functions/metrics.ts'
import { estimate, metricCount } from '../../lib/costs/estimate.ts'
import { StageMetrics } from '../../lib/observability/metrics.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { alarmsOf, dashboardsOf, namedMetrics, type TemplateJson } from '../fixtures/dashboards.ts'
import { templatesOf } from '../fixtures/templates.ts'

const RUNBOOK = readFileSync(join(import.meta.dirname, '../../lib/observability/RUNBOOK.md'), 'utf8')
const { stage } = templatesOf('prod')
if (!stage.observability) throw new Error('prod has no observability stack')
const template = Template.fromStack(stage.observability).toJSON() as TemplateJson
const alarms = alarmsOf(template)

describe('the runbook', () => {
  const headings = [...RUNBOOK.matchAll(/^## (\w+)$/gm)].map((match) => match[1] ?? '')

  it('has a heading for every alarm, and an alarm for every heading', () => {
    const linked = alarms.map(({ description }) => /Runbook: \S+#(\w+)$/.exec(description)?.[1])
    expect([...new Set(linked)].sort()).toEqual(headings.map((heading) => heading.toLowerCase()).sort())
  })

  it.each(headings)('%s says what it means, where to look, what to do, and what happens next', (heading) => {
    const text = RUNBOOK.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
    const parts = [...text.matchAll(/^\*\*([^*]+)\.\*\*/gm)].map((match) => match[1])
    expect(parts).toEqual(['Means', 'Look', 'Do', 'If that did not help'])
  })

  it('names only commands that the CLI has', () => {
    const folder = join(import.meta.dirname, '../../bin/commands')
    const commands = [...RUNBOOK.matchAll(/`taskrunner (\w+)/g)].map((match) => match[1] ?? '')
    expect(commands.length).toBeGreaterThan(5)
    expect(commands.filter((command) => !existsSync(join(folder, `${command}.ts`)))).toEqual([])
  })
})

describe('dashboards and alarms', () => {
  it.each(['TaskRunner-prod', 'TaskRunner-prod-lanes'])('%s is laid out as CloudWatch takes it', (name) => {
    const index = name.endsWith('lanes') ? 1 : 0
    const widgets = dashboardsOf(template)[index]?.widgets ?? []
    // docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    expect(widgets.length).toBeGreaterThan(20)
    expect(widgets.length).toBeLessThanOrEqual(500)
    const taken = new Set<string>()
    for (const { type, x, y, width, height, properties } of widgets) {
      expect(['metric', 'text', 'log', 'alarm', 'custom']).toContain(type)
      expect(x + width).toBeLessThanOrEqual(24)
      for (let column = x; column < x + width; column += 1)
        for (let row = y; row < y + height; row += 1) {
          expect(taken).not.toContain(`${column},${row}`)
          taken.add(`${column},${row}`)
        }
      if (type === 'metric') expect(properties.metrics?.length).toBeGreaterThan(0)
    }
  })

  it('name only our metrics that functions/metrics.ts defines, with dimensions that it defines', () => {
    const definitions = METRICS as readonly MetricDefinition[]
    const wrong = namedMetrics(template)
      .filter(({ namespace }) => namespace.startsWith('TaskRunner'))
      .filter(({ namespace, name, dimensions }) => {
        const kept = definitions.find((metric) => metric.name === name)?.dimensions ?? []
        return (
          namespace !== 'TaskRunner/prod' ||
          !kept.some(
            (set) =>
              [...set].sort().join() ===
              dimensions
                .map(([key]) => key)
                .sort()
                .join(),
          )
        )
      })
    expect(wrong).toEqual([])
  })

  it('read every metric by each of its dimensions: CloudWatch also charges for metrics that nobody reads', () => {
    const read = new Set(
      namedMetrics(template).map(({ name, dimensions }) => `${name} ${dimensions.map(([key]) => key)}`),
    )
    const unread = (METRICS as readonly MetricDefinition[]).flatMap(({ name, dimensions }) =>
      dimensions.map((set) => `${name} ${set}`).filter((one) => !read.has(one)),
    )
    expect(unread).toEqual([])
  })

  it('refuse a metric with dimensions that it does not have', () => {
    const metrics = new StageMetrics('prod')
    expect(() => metrics.own('QueueWait', { statistic: 'p50', by: { Provider: 'openai' } })).toThrow(
      'Metric QueueWait is not kept by [Provider]; it is by [], [Lane]',
    )
  })

  it('send every urgent and every other alarm to its topic; missing data of the sweeper is an alarm', () => {
    const silent = alarms.filter(({ actions }) => actions === 0).map(({ name }) => name.split('-')[2])
    expect(silent.sort()).toEqual([
      'BurnFastLong',
      'BurnFastShort',
      'BurnSlowLong',
      'BurnSlowShort',
      'Unhealthy',
    ])
    const missingBad = alarms.filter(({ missing }) => missing === 'breaching').map(({ name }) => name)
    expect(missingBad).toEqual(['TaskRunner-prod-SweeperSilent'])
  })

  it('draw the threshold on every graph whose metric has an alarm', () => {
    const graphs = dashboardsOf(template)[0]?.widgets ?? []
    const drawn = graphs.filter(({ properties }) => properties.annotations?.horizontal).length
    expect(drawn).toBeGreaterThanOrEqual(11)
  })

  it('cost as much as the cost page says', () => {
    const line = estimate(loadStage('prod'), { tasksPerMonth: 1e6, seconds: 10 }).find(
      ({ name }) => name === 'Dashboards and alarms',
    )
    const canary = 5
    const single = alarms.filter(({ isComposite }) => !isComposite)
    const metrics = single.reduce((sum, { metricCount }) => sum + metricCount, 0) + canary
    const composites = alarms.length - single.length
    expect(line?.basis).toBe(`2 dashboards, ${metrics} alarm metrics, ${composites} composites, fixed`)
  })
})

it('synth prints the cost of the metrics', () => {
  const infos = Annotations.fromStack(stage.observability as Stack).findInfo('*', Match.anyValue())
  // The number follows from the project's lanes and providers, so an added one changes no number here.
  const count = metricCount(loadStage('prod'))
  expect(infos.map(({ entry }) => String(entry.data)).join()).toContain(
    `${count} metrics of ours can arise, which cost ${(count * 0.3).toFixed(2)} USD a month`,
  )
})

describe('tracing', () => {
  const traced = (tracing: 'xray') =>
    templatesOf('dev', (stage) => ({ ...stage, observability: { ...stage.observability, tracing } }))
      .stateless.template
  const functionsOf = (found: Template) =>
    Object.values(found.findResources('AWS::Lambda::Function')).filter(({ Properties }) =>
      String(Properties.Runtime).startsWith('nodejs24'),
    )

  it('is off unless a stage asks for it', () => {
    for (const { Properties } of functionsOf(templatesOf('prod').stateless.template))
      expect(Properties).not.toHaveProperty('TracingConfig')
  })

  it('by X-Ray is on for every function and the API, with the right to send traces', () => {
    const found = traced('xray')
    expect(functionsOf(found).length).toBeGreaterThan(10)
    for (const { Properties } of functionsOf(found)) {
      expect(Properties.TracingConfig).toEqual({ Mode: 'Active' })
      expect(Properties.Layers).toBeUndefined()
    }
    found.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: true })
    const telling = JSON.stringify(found.findResources('AWS::IAM::Policy')).match(/xray:PutTraceSegments/g)
    expect(telling).toHaveLength(functionsOf(found).length)
  })
})
