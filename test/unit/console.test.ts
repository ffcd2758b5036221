import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AlarmWatch, type AlarmWatchOptions } from '../../lib/local/cloudwatch/alarm-watch.ts'
import { viewDashboard } from '../../lib/local/cloudwatch/dashboard-view.ts'
import { runQuery, splitSources } from '../../lib/local/cloudwatch/insights.ts'
import { type LogEntry, LogStore } from '../../lib/local/cloudwatch/log-store.ts'
import { MetricMath } from '../../lib/local/cloudwatch/metric-math.ts'
import { type MetricId, MetricStore } from '../../lib/local/cloudwatch/metric-store.ts'
import { LocalConsole } from '../../lib/local/console/console.ts'
import { type CallApi, TaskIndex } from '../../lib/local/console/task-index.ts'
import type { AlarmPlan, Plan } from '../../lib/local/emulator/template/plan.ts'
import { QUERIES } from '../../lib/observability/queries.ts'
import { TASK_RUNNER } from '../../lib/task-runner.ts'

const MINUTE = 60_000
const T0 = Date.parse('2030-01-01T12:00:00Z')
const metric = (name: string, dimensions: Record<string, string> = {}): MetricId => ({
  namespace: 'Test',
  name,
  dimensions,
})

const watchOf = (metrics: MetricStore, startedAt: number, tell?: AlarmWatchOptions['tell']) =>
  new AlarmWatch({ metrics, labels: TASK_RUNNER, startedAt, ...(tell ? { tell } : {}) })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'console-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the console during the start', () => {
  it('shows a browser a page that reloads itself, and sends a program the reason as an error', async () => {
    const console = new LocalConsole({
      product: TASK_RUNNER,
      stateDir: folder,
      deployment: () => undefined,
      api: () => '',
      look: async () => [],
      tell: () => undefined,
    })
    const server = createServer((request, response) =>
      console.handle(request, response, new URL(request.url ?? '', 'http://localhost')),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/console/tasks`
    const page = await fetch(url, { headers: { accept: 'text/html,*/*;q=0.8' } })
    expect([page.status, page.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8'])
    expect(await page.text()).toContain('http-equiv="refresh"')
    const data = await fetch(url)
    expect([data.status, await data.json()]).toMatchObject([503, { status: 503, detail: 'Starting.' }])
    server.close()
  })
})

describe('the console’s list of tasks', () => {
  it('contains a task that becomes visible in the table after a younger one', async () => {
    const stored: string[] = []
    const row = (id: string) => ({ id, type: 'x', status: 'PENDING', input: null, tags: [], created_at: id })
    const answer = (path: string) =>
      path.includes('?')
        ? { tasks: stored.toSorted().reverse().map(row), next_cursor: null }
        : row(path.split('/').at(-1) ?? '')
    const index = new TaskIndex((async (path) => answer(path)) as CallApi)
    const hear = (id: string) =>
      index.heard({ json: { message: { event: 'task.submitted', task_id: id } } } as unknown as LogEntry)
    const known = async () => {
      const found = await index.find({ status: [], sort: 'created', isDescending: true, limit: 9 })
      return found.rows.map(({ id }) => id)
    }
    stored.push('a')
    expect(await known()).toEqual(['a'])
    stored.push('c')
    hear('c')
    expect(await known()).toEqual(['c', 'a'])
    stored.push('b')
    hear('b')
    expect(await known()).toEqual(['c', 'b', 'a'])
  })

  it('shows an input as words, and finds a task by them', async () => {
    const input = { name: 'A long one', seconds: 120, to: ['a@example.com'], cc: [], note: '' }
    const row = { id: 'a', type: 'x', status: 'PENDING', input, tags: [], created_at: 'a' }
    const answer = (path: string) => (path.includes('?') ? { tasks: [row], next_cursor: null } : row)
    const index = new TaskIndex((async (path) => answer(path)) as CallApi)
    const find = (text: string) =>
      index.find({ status: [], sort: 'created', isDescending: true, limit: 9, text })
    const said = 'name: A long one, seconds: 120, to: ["a@example.com"]'
    expect((await find('long a@example')).rows.map(({ prompt }) => prompt)).toEqual([said])
    expect((await find('note')).total).toBe(0)
  })

  it('shows the last user message of a conversation', async () => {
    const image = { type: 'image', upload: 'u1' }
    const messages = [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: [{ type: 'text', text: 'What is this?' }, image] },
    ]
    const rows = [{ messages }, { messages: 'none' }, { messages: [null] }].map((input, index) => ({
      ...{ id: `${index}`, type: 'x', status: 'PENDING', input, tags: [], created_at: `${index}` },
    }))
    const answer = (path: string) =>
      path.includes('?') ? { tasks: rows, next_cursor: null } : rows[Number(path.split('/').at(-1))]
    const index = new TaskIndex((async (path) => answer(path)) as CallApi)
    const found = await index.find({ status: [], sort: 'created', isDescending: false, limit: 9 })
    expect(found.rows.map(({ prompt }) => prompt)).toEqual([
      'What is this?',
      'messages: none',
      'messages: [null]',
    ])
  })
})

describe('the console’s metrics', () => {
  it('are summed over a window by each statistic, with percentiles within 1 %', () => {
    const store = new MetricStore()
    for (let value = 1; value <= 1_000; value += 1) store.add(metric('Latency'), value, T0 + value)
    const read = (statistic: string) => store.value(metric('Latency'), statistic, T0, T0 + MINUTE)
    expect(['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'].map(read)).toEqual([
      500_500, 500.5, 1, 1_000, 1_000,
    ])
    for (const [name, exact] of [
      ['p50', 500],
      ['p95', 950],
      ['p99', 990],
    ] as const)
      expect(Math.abs(Number(read(name)) - exact) / exact).toBeLessThan(0.01)
    expect(store.value(metric('Latency'), 'Sum', T0 + MINUTE, T0 + 2 * MINUTE)).toBeUndefined()
    expect(store.value(metric('Latency', { Lane: 'ai' }), 'Sum', T0, T0 + MINUTE)).toBeUndefined()
    expect(() => read('TM90')).toThrow('TM90 is not known to the local console')
  })

  it('are in one of two adjacent windows, never in both', () => {
    const store = new MetricStore()
    store.add(metric('Failed'), 5, T0 + 3_000)
    for (let now = T0 + 4_000; now < T0 + 4 * MINUTE; now += 1_000) {
      const windows = [0, 1, 2].map((index) => now - index * MINUTE)
      const seen = windows.filter((to) => store.value(metric('Failed'), 'Sum', to - MINUTE, to) !== undefined)
      expect(seen.length).toBeLessThanOrEqual(1)
    }
  })

  it('are stored in longer buckets when they are old, without loss', async () => {
    const store = new MetricStore()
    const hours = 6
    for (let at = T0; at < T0 + hours * 60 * MINUTE; at += 10_000) store.add(metric('Sent'), 1, at)
    const now = T0 + hours * 60 * MINUTE
    const before = store.buckets
    await store.save(now)
    expect([before, store.buckets]).toEqual([hours * 360, 3 * 12 + 170 + 60])
    expect(store.value(metric('Sent'), 'Sum', T0, now)).toBe(hours * 360)
    expect(store.series(metric('Sent'), 'Sum', 5 * MINUTE, T0, now)).toEqual(Array(hours * 12).fill(30))
    expect(store.series(metric('Sent'), 'Sum', MINUTE, now - 3 * 60 * MINUTE, now)).toEqual(
      Array(180).fill(6),
    )
    await store.save(now + 25 * 60 * MINUTE)
    expect(store.buckets).toBe(0)
  })

  it('are stored in a file of two days at most', async () => {
    const path = join(folder, 'days.jsonl')
    const store = new MetricStore(path)
    await store.load(T0)
    for (let hour = 0; hour < 24 * 5; hour += 1) {
      store.add(metric('Sent'), 1, T0 + hour * 60 * MINUTE)
      await store.save(T0 + hour * 60 * MINUTE + 1)
      expect((await readFile(path, 'utf8')).split('\n').length - 1).toBeLessThanOrEqual(49)
    }
    const again = new MetricStore(path)
    await again.load(T0 + 24 * 5 * 60 * MINUTE)
    expect(again.value(metric('Sent'), 'Sum', T0, T0 + 24 * 5 * 60 * MINUTE)).toBe(24)
  })

  it('are returned by period, with a gap where nothing was measured', () => {
    const store = new MetricStore()
    for (const at of [0, 1, 3]) store.add(metric('Sent'), 2, T0 + at * MINUTE)
    expect(store.series(metric('Sent'), 'Sum', MINUTE, T0, T0 + 5 * MINUTE)).toEqual([
      2,
      2,
      undefined,
      2,
      undefined,
    ])
    expect(store.series(metric('Sent'), 'Sum', 5 * MINUTE, T0, T0 + 5 * MINUTE)).toEqual([6])
  })

  it('are kept at a restart, also when it cut the file’s last line, and deleted after a day', async () => {
    const path = join(folder, 'metrics.jsonl')
    const first = new MetricStore(path)
    for (const value of [5, 10, 0]) first.add(metric('Wait', { Lane: 'ai' }), value, T0)
    first.add(metric('Wait'), 1, T0 - 25 * 60 * MINUTE)
    await first.save(T0 + MINUTE)
    first.add(metric('Wait', { Lane: 'ai' }), 15, T0 + MINUTE)
    await first.save(T0 + MINUTE + 1)
    // A truncated line, foreign lines, and values that were written late.
    first.add(metric('Wait', { Lane: 'ai' }), 12, T0)
    await first.save(T0 + MINUTE + 2)
    const strange = ['["Test|Wait|Lane=ai",1893499200000,"abc",1,1,1]', '{"a":1}', '[]', 'null']
    await writeFile(path, `${await readFile(path, 'utf8')}${strange.join('\n')}\n["Test|Wa`)
    const second = new MetricStore(path)
    await second.load(T0 + 2 * MINUTE)
    const read = (statistic: string) =>
      second.value(metric('Wait', { Lane: 'ai' }), statistic, T0, T0 + 2 * MINUTE)
    expect(['Sum', 'SampleCount', 'Minimum', 'Maximum'].map(read)).toEqual([42, 5, 0, 15])
    expect(Number(read('p99'))).toBeCloseTo(15, 0)
    expect(second.value(metric('Wait'), 'Sum', T0 - 26 * 60 * MINUTE, T0)).toBeUndefined()
    // After loading and saving again, nothing is stored twice.
    await second.save(T0 + 3 * MINUTE)
    const third = new MetricStore(path)
    await third.load(T0 + 3 * MINUTE)
    expect(third.value(metric('Wait', { Lane: 'ai' }), 'Sum', T0, T0 + 2 * MINUTE)).toBe(42)
  })

  it('are stored from the moment of the start', async () => {
    const path = join(folder, 'start.jsonl')
    const first = new MetricStore(path)
    await first.load(T0 + 5_000)
    first.add(metric('Sent'), 1, T0 + 6_000)
    await first.save(T0 + 70_000)
    const second = new MetricStore(path)
    await second.load(T0 + 80_000)
    expect(second.value(metric('Sent'), 'Sum', T0, T0 + MINUTE)).toBe(1)
  })
})

describe('metric math', () => {
  const series: Readonly<Record<string, readonly (number | undefined)[]>> = {
    failed: [undefined, 5, 1],
    completed: [20, 15, undefined],
  }
  const evaluate = (expression: string) =>
    new MetricMath(expression).evaluate((id) => series[id] ?? [undefined, undefined, undefined], 3)

  it('fills gaps, compares and chooses, period by period', () => {
    expect(evaluate('FILL(failed, 0)')).toEqual([0, 5, 1])
    expect(
      evaluate(
        'IF(FILL(failed, 0) + FILL(completed, 0) >= 20, 100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(completed, 0)), 0)',
      ),
    ).toEqual([0, 25, 0])
    expect(evaluate('failed + completed')).toEqual([undefined, 20, undefined])
    expect(evaluate('SUM([failed, completed])')).toEqual([20, 20, 1])
    expect(evaluate('MAX([failed, completed]) - 1')).toEqual([19, 14, 0])
    expect(evaluate('completed / 0')).toEqual([undefined, undefined, undefined])
    expect(evaluate('IF(failed > 1 AND completed > 1, 1, 2)')).toEqual([undefined, 1, undefined])
  })

  it('names the function that it does not support', () => {
    expect(() => evaluate('ANOMALY_DETECTION_BAND(failed)')).toThrow(
      'ANOMALY_DETECTION_BAND in an expression',
    )
    expect(new MetricMath('SUM([a, b]) / FILL(c, 0)').ids).toEqual(['a', 'b', 'c'])
  })
})

describe('alarms', () => {
  const alarm = (name: string, properties: Record<string, unknown>): AlarmPlan => ({
    name,
    description: name,
    properties: {
      Namespace: 'Test',
      MetricName: 'Bad',
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 3,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      ...properties,
    },
  })
  const stateOf = (watch: AlarmWatch, name: string) =>
    watch.statuses.find((status) => status.name === name)?.state

  it('start at the threshold, end when the window has passed, and notify once', () => {
    const store = new MetricStore()
    const told: string[] = []
    const watch = watchOf(store, T0, ({ from, to }) => told.push(`${from} → ${to}`))
    const alarms = [alarm('Bad', { AlarmActions: ['TaskRunner-local-observability-AlarmsUrgent28E83BAC'] })]
    watch.evaluate(alarms, T0 + MINUTE)
    expect(watch.statuses).toMatchObject([{ state: 'OK', tells: ['Urgent'], threshold: 3 }])
    store.add(metric('Bad'), 3, T0 + MINUTE)
    watch.evaluate(alarms, T0 + MINUTE + 5_000)
    watch.evaluate(alarms, T0 + MINUTE + 10_000)
    expect(watch.statuses).toMatchObject([{ state: 'ALARM', value: 3, since: T0 + MINUTE + 5_000 }])
    watch.evaluate(alarms, T0 + 3 * MINUTE)
    expect(stateOf(watch, 'Bad')).toBe('OK')
    expect(told).toEqual(['OK → ALARM', 'ALARM → OK'])
    expect(watch.changes.map(({ to }) => to)).toEqual(['OK', 'ALARM'])
  })

  it('continue after a restart in their earlier state', () => {
    const store = new MetricStore()
    store.add(metric('Bad'), 3, T0)
    const first = watchOf(store, T0 - MINUTE)
    first.evaluate([alarm('Bad', {})], T0 - MINUTE)
    first.evaluate([alarm('Bad', {})], T0 + 5_000)
    const told: string[] = []
    const second = watchOf(store, T0 + 20_000, ({ to }) => told.push(to))
    second.restore(JSON.parse(JSON.stringify(first.memory)))
    second.evaluate([alarm('Bad', {})], T0 + 25_000)
    expect(second.statuses).toMatchObject([{ state: 'ALARM', since: T0 + 5_000 }])
    expect(told).toEqual([])
    expect(second.changes).toHaveLength(1)
  })

  it('need as many breaching windows as they declare', () => {
    const store = new MetricStore()
    const watch = watchOf(store, T0)
    const alarms = [alarm('TwoOfThree', { EvaluationPeriods: 3, DatapointsToAlarm: 2 })]
    store.add(metric('Bad'), 5, T0 + MINUTE)
    watch.evaluate(alarms, T0 + 4 * MINUTE)
    expect(stateOf(watch, 'TwoOfThree')).toBe('OK')
    store.add(metric('Bad'), 5, T0 + 3 * MINUTE)
    watch.evaluate(alarms, T0 + 4 * MINUTE)
    expect(stateOf(watch, 'TwoOfThree')).toBe('ALARM')
  })

  it('on missing data wait for a whole evaluation range after the start', () => {
    const store = new MetricStore()
    const watch = watchOf(store, T0)
    const alarms = [
      alarm('Silent', {
        EvaluationPeriods: 3,
        Threshold: 1,
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'breaching',
      }),
    ]
    watch.evaluate(alarms, T0 + MINUTE)
    expect(stateOf(watch, 'Silent')).toBe('INSUFFICIENT_DATA')
    store.add(metric('Bad'), 1, T0 + MINUTE)
    watch.evaluate(alarms, T0 + 2 * MINUTE)
    expect(stateOf(watch, 'Silent')).toBe('OK')
    watch.evaluate(alarms, T0 + 6 * MINUTE)
    expect(stateOf(watch, 'Silent')).toBe('ALARM')
  })

  it('that cannot be evaluated show why and do not affect the others', () => {
    const watch = watchOf(new MetricStore(), T0)
    const broken = alarm('Broken', {
      Metrics: [{ Id: 'e', Expression: 'ANOMALY(m)', ReturnData: true }],
    })
    watch.evaluate([broken, alarm('Good', {})], T0 + MINUTE)
    expect(stateOf(watch, 'Good')).toBe('OK')
    expect(watch.statuses[0]).toMatchObject({
      state: 'INSUFFICIENT_DATA',
      problem: expect.stringContaining('ANOMALY'),
    })
  })

  it('on expressions and composite alarms depend on their parts', () => {
    const store = new MetricStore()
    const watch = watchOf(store, T0)
    const stat = (Id: string, MetricName: string) => ({
      Id,
      ReturnData: false,
      MetricStat: { Metric: { Namespace: 'Test', MetricName }, Period: 300, Stat: 'Sum' },
    })
    const alarms = [
      alarm('Ratio', {
        Metrics: [
          { Id: 'ratio', Expression: '100 * FILL(a, 0) / (FILL(a, 0) + FILL(b, 0))', ReturnData: true },
          stat('a', 'A'),
          stat('b', 'B'),
        ],
        Threshold: 20,
      }),
      alarm('Quiet', {}),
      alarm('Both', { AlarmRule: 'ALARM("arn:x:alarm:Ratio") AND NOT ALARM("arn:x:alarm:Quiet")' }),
      alarm('Either', { AlarmRule: '(ALARM("arn:x:alarm:Quiet") OR OK("arn:x:alarm:Ratio"))' }),
    ]
    store.add(metric('B'), 60, T0)
    store.add(metric('A'), 40, T0)
    watch.evaluate(alarms, T0 + MINUTE)
    expect(['Ratio', 'Quiet', 'Both', 'Either'].map((name) => stateOf(watch, name))).toEqual([
      'ALARM',
      'OK',
      'ALARM',
      'OK',
    ])
    watch.evaluate(alarms.slice(0, 1), T0 + MINUTE)
    expect(watch.statuses).toHaveLength(1)
  })
})

describe('the console’s log lines', () => {
  it('are limited in number and length, and the latest are kept', () => {
    const many = new LogStore()
    for (let n = 0; n < 60_000; n += 1) many.add('Submit', `line ${n}`)
    const kept = many.find({ limit: 100_000 })
    expect(kept.length).toBeGreaterThanOrEqual(20_000)
    expect(kept.length).toBeLessThanOrEqual(24_000)
    expect(kept.at(-1)?.text).toBe('line 59999')
    const long = new LogStore()
    for (let n = 0; n < 400; n += 1) long.add('Submit', `${n} ${'x'.repeat(256 * 1024)}`)
    const texts = long.find({ limit: 1_000 }).map(({ text }) => text)
    expect(texts.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(40 * 1024 * 1024)
    expect(texts.at(-1)).toMatch(/^399 /)
  })
})

describe('Logs Insights', () => {
  const logs = new LogStore()
  const line = (event: string, fields: object, level = 'INFO') =>
    logs.add(
      'worker',
      JSON.stringify({ timestamp: new Date(T0).toISOString(), level, message: { event, ...fields } }),
    )
  line('task.completed', { run_ms: 30, type: 'a', lane: 'ai', task_id: 'one' })
  line('task.completed', { run_ms: 900, type: 'b', lane: 'ai', task_id: 'two' })
  line('task.failed', { type: 'a', code: 'timeout', task_id: 'three' })
  line('task.failed', { type: 'a', code: 'timeout', task_id: 'four' })
  line('task.failed', { type: 'b', code: 'refused', task_id: 'five' })
  line('task.retrying', { code: 'timeout', task_id: 'three' })
  line('x', { errorType: 'Error', errorMessage: 'no' }, 'ERROR')
  logs.add('worker', 'a line that is not JSON {')
  const answer = (lines: readonly string[]) =>
    runQuery(lines.join('\n| '), logs.since(new Set(['worker']), 0))

  it('answers the saved queries', () => {
    expect(answer(QUERIES.slowest.lines).rows.map((row) => [row[1], row.at(-1)])).toEqual([
      ['900', 'two'],
      ['30', 'one'],
    ])
    expect(answer(QUERIES.failing.lines)).toEqual({
      columns: ['message.type', 'message.code', 'failures', 'last_task'],
      rows: [
        ['a', 'timeout', '2', 'four'],
        ['b', 'refused', '1', 'five'],
      ],
    })
    expect(answer(QUERIES.retried.lines).rows).toEqual([['three', '1', 'timeout']])
    expect(answer(QUERIES.crashes.lines).rows).toHaveLength(1)
    expect(answer(QUERIES.apiFailures.lines).rows).toEqual([])
    expect(
      answer(QUERIES.oneTask.lines.map((text) => text.replace(/put-.*-here/, 'three'))).rows,
    ).toHaveLength(2)
  })

  it('names what it does not support', () => {
    expect(() => answer(['parse @message "x"'])).toThrow('The command parse is not known')
    expect(() => answer(['stats stddev(x)'])).toThrow('stddev(x) is not known')
    expect(splitSources("SOURCE 'a' | SOURCE 'b' | fields x")).toEqual({
      groups: ['a', 'b'],
      query: '  fields x',
    })
  })

  it('finds and follows lines', () => {
    expect(logs.find({ text: 'THREE', limit: 10 }).map(({ sequence }) => sequence)).toEqual([3, 6])
    expect(logs.find({ text: 'three', after: 3, limit: 10 })).toHaveLength(1)
    expect(logs.find({ from: 'other', limit: 10 })).toEqual([])
    expect(logs.find({ text: 'task.failed code=refused', limit: 10 })).toHaveLength(1)
    expect(logs.find({ text: 'refused task.retrying', limit: 10 })).toEqual([])
    expect(logs.find({ isError: true, limit: 10 }).map(({ sequence }) => sequence)).toEqual([7])
    expect(logs.find({ limit: 2 }).map(({ text }) => text)[1]).toBe('a line that is not JSON {')
  })
})

describe('a dashboard', () => {
  it('shows the error of one widget in that widget only', () => {
    const widget = { type: 'metric', x: 0, y: 0, width: 6, height: 3 }
    const body = {
      widgets: [
        { ...widget, properties: { metrics: [['Test', 'Latency', { stat: 'tm99' }]] } },
        { ...widget, type: 'text', properties: { markdown: 'fine' } },
        { ...widget, type: 'explorer', properties: {} },
      ],
    }
    const metrics = new MetricStore()
    metrics.add(metric('Latency'), 1, T0)
    const sources = { plan: {} as Plan, metrics, logs: new LogStore(), alarms: [] }
    const views = viewDashboard({ name: 'x', body }, sources, { from: T0, to: T0 + MINUTE })
    expect(views.map(({ content }) => content.kind)).toEqual(['problem', 'text', 'problem'])
    expect(views[0]?.content).toMatchObject({ text: expect.stringContaining('tm99') })
  })

  it('reads the parts of an expression by their longest period, next to metrics with shorter ones', () => {
    const metrics = new MetricStore()
    metrics.add(metric('Failed'), 1, T0 + MINUTE)
    metrics.add(metric('Completed'), 3, T0 + 2 * MINUTE)
    metrics.add(metric('Waiting'), 7, T0 + 4 * MINUTE)
    const rows = [
      [{ label: 'failed, %', expression: '100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(completed, 0))' }],
      ['Test', 'Failed', { id: 'failed', visible: false, stat: 'Sum' }],
      ['Test', 'Completed', { id: 'completed', visible: false, stat: 'Sum' }],
      ['Test', 'Waiting', { label: 'waiting', period: 60, stat: 'Maximum' }],
    ]
    const widget = { type: 'metric', x: 0, y: 0, width: 6, height: 3 }
    const body = {
      widgets: [
        { ...widget, properties: { view: 'singleValue', metrics: rows } },
        { ...widget, properties: { view: 'timeSeries', metrics: rows } },
      ],
    }
    const sources = { plan: {} as Plan, metrics, logs: new LogStore(), alarms: [] }
    const [numbers, graph] = viewDashboard({ name: 'x', body }, sources, { from: T0, to: T0 + 5 * MINUTE })
    expect(numbers?.content).toMatchObject({ series: [{ values: [25] }, { values: [7] }] })
    expect(graph?.content).toMatchObject({
      series: [{ values: [25, null, null, null, null] }, { values: [null, null, null, null, 7] }],
    })
  })
})
