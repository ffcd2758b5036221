import { describe, expect, it } from 'vitest'
import { openHeavyThread } from '../../../functions/core/adapters/system/heavy-thread.ts'
import { runTaskType } from '../../../functions/core/kit/run-task-type.ts'
import * as heavy from '../../../functions/tasks/data-analyze/heavy.ts'
import { numbersNotInFacts } from '../../../functions/tasks/data-analyze/narrative.ts'
import { analyze as statistics } from '../../../functions/tasks/data-analyze/statistics.ts'
import { Survey } from '../../../functions/tasks/data-analyze/survey.ts'
import task from '../../../functions/tasks/data-analyze/task.ts'
import { makeDocx, makeEncryptedOffice, makePdf } from '../../fixtures/documents/make-documents.ts'
import { makeXlsx } from '../../fixtures/documents/make-xlsx.ts'

const analyze = (bytes: Buffer | string, groupBy?: string, hasCharts = false) =>
  heavy.analyzeTable({ bytes: Buffer.from(bytes as string), groupBy, hasCharts })
const codeOf = (bytes: Buffer | string, groupBy?: string) =>
  analyze(bytes, groupBy).then(
    () => 'read',
    (error) => error.code,
  )

describe('a table', () => {
  it('CSV with quotes, line breaks in cells and empty cells', async () => {
    const found = await analyze('name,note,age\n"Ann, B.","says ""hi""\nand more",31\nBo,NA,\n')
    expect(found).toMatchObject({ format: 'csv', delimiter: ',', has_header: true, rows: 2 })
    expect(found.columns.map(({ name, type, missing }) => [name, type, missing])).toEqual([
      ['name', 'text', 0],
      ['note', 'text', 1],
      ['age', 'integer', 1],
    ])
  })

  it.each([
    ['a\tb\n1\t2\n', 'tsv', '\t'],
    ['a;b\n1,5;2,25\n', 'csv', ';'],
    ['a|b\n1|2\n', 'csv', '|'],
    ['sep=;\r\na;b\r\n1;2,5\r\n', 'csv', ';'],
  ])('the delimiter is found (%#)', async (text, format, delimiter) => {
    const found = await analyze(text)
    expect([found.format, found.delimiter, found.columns.length]).toEqual([format, delimiter, 2])
    expect(found.columns.every(({ numbers }) => numbers !== null)).toBe(true)
  })

  it('without a header, in UTF-16 and in GBK', async () => {
    const bare = await analyze('1,2\n3,4\n')
    expect([bare.has_header, bare.rows, bare.columns[0]?.name]).toEqual([false, 2, 'column 1'])
    const wide = await analyze(Buffer.from('\uFEFF城市,人口\n里昂,522250\n', 'utf16le'))
    expect([wide.encoding, wide.columns.map(({ name }) => name)]).toEqual(['utf-16le', ['城市', '人口']])
  })

  it('rows with a mistake are counted and listed, and do not fail the task', async () => {
    const found = await analyze('a,b\n1,2\n3\n4,5,6\n7,8\n')
    expect(found.rows).toBe(2)
    expect(found.broken_rows).toEqual({
      count: 2,
      examples: [
        { line: 3, problem: 'has 1 cells, not 2' },
        { line: 4, problem: 'has 3 cells, not 2' },
      ],
    })
  })

  it.each([
    ['to the end of the file', `a,b\n1,2\n3,"x\n${'4,5\n'.repeat(50)}`, 51, 3],
    ['for longer than a row may be', `a,b\r\n"1,2\r\n${'4,5\r\n'.repeat(250_000)}6,"7"\r\n`, 250_001, 2],
  ])('a quote that is not closed, %s, affects only its own line', async (_where, text, rows, line) => {
    const found = await analyze(text)
    expect([found.rows, found.delimiter, found.broken_rows]).toEqual([
      rows,
      ',',
      { count: 1, examples: [{ line, problem: 'has a quote that is not closed' }] },
    ])
  })

  it('the lines after a bad quote keep their numbers', async () => {
    const found = await analyze('a,b\n\n"1,2\n3\n4,5\n6\n')
    expect(found.broken_rows.examples.map(({ line }) => line)).toEqual([3, 4, 6])
  })

  it('GBK, and three kinds of line ends in one file', async () => {
    const gbk = Buffer.concat([
      Buffer.from('b3c7cad02cc8cbbfda0a', 'hex'),
      ...Array.from({ length: 30 }, () => Buffer.from('c0efb0ba2c3532323235300d0a', 'hex')),
    ])
    const found = await analyze(gbk)
    expect([found.encoding, found.rows, found.columns.map(({ name }) => name)]).toEqual([
      'gb18030',
      30,
      ['城市', '人口'],
    ])
    const mixed = await analyze('a,b\r\n1,2\n3,4\r5,6')
    expect([mixed.rows, mixed.broken_rows.count, mixed.columns[1]?.numbers?.max]).toEqual([3, 0, 6])
  })

  it('a header may consist of years, and rows of years are not a header', async () => {
    const wide = await analyze('country,1990,1991,1992\nAruba,54211,55438,56225\nChad,5,6,7\n')
    expect([wide.has_header, wide.rows, wide.columns.map(({ name }) => name)]).toEqual([
      true,
      2,
      ['country', '1990', '1991', '1992'],
    ])
    const rows = await analyze('Ann,1990,2005\nBo,1991,2003\nCy,1975,1999\n')
    expect([rows.has_header, rows.rows, rows.columns[1]?.numbers?.min]).toEqual([false, 3, 1975])
  })

  it.each<[string, string, number | undefined]>([
    ['$1,234.50|-$3', 'number', 1_234.5],
    ['12 %|3.5%', 'number', 12],
    ['1 234,5|7,25', 'number', 1_234.5],
    ['1\u202f234\u202f567|12', 'integer', 1_234_567],
    ['31.12.2024|01.02.2023 10:15', 'date', undefined],
    ['12/31/2024|1/2/2023 3:04 PM', 'date', undefined],
    ['Jan 5, 2024|12-Mar-2023', 'date', undefined],
    ['1.2.3.2024|1.2.2023', 'text', undefined],
    ['45/45/2024|1/1/2023', 'text', undefined],
    ['$|5', 'text', undefined],
  ])('cells in the formats of office programs: %s is %s', async (cells, type, max) => {
    const found = await analyze(`what;other\n${cells.replace('|', ';x\n')};y\n`)
    expect([found.columns[0]?.type, found.columns[0]?.numbers?.max]).toEqual([type, max])
  })

  it('JSON lines, with different keys and a bad line', async () => {
    const found = await analyze('{"a":1,"b":"x"}\n{"a":2,"c":[1]}\nno\n')
    expect([found.format, found.rows, found.broken_rows.count]).toEqual(['jsonl', 2, 1])
    expect(found.columns.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  })

  it('XLSX: the stored values, not the formulas', async () => {
    const found = await analyze(
      makeXlsx([
        ['n', 'twice'],
        [2, { formula: 'A2*2', value: 4 }],
        [3, { formula: 'A3*2', value: 6 }],
      ]),
    )
    expect([found.format, found.rows]).toEqual(['xlsx', 2])
    expect(found.columns[1]?.numbers).toMatchObject({ min: 4, max: 6, mean: 5 })
  })

  it('a ZIP code is text, a date a date, and a few values of another type do not change a column', async () => {
    const numbers = Array.from({ length: 99 }, (_, row) => `${row},01234,2024-02-0${(row % 9) + 1},x`)
    const found = await analyze(['n,zip,day,c', ...numbers, 'oops,01234,2024-02-01,x'].join('\n'))
    expect(found.columns.map(({ type, unfitting }) => [type, unfitting])).toEqual([
      ['number', 1],
      ['text', 0],
      ['date', 0],
      ['text', 0],
    ])
  })
})

describe('a table that is too long to keep all its values', () => {
  const survey = (rows: number, maxKept: number) => {
    const made = new Survey('k', maxKept)
    made.take(['k', 'n', 'word'], 1)
    for (let row = 1; row <= rows; row += 1)
      made.take([row % 2 ? 'odd' : 'even', `${row}`, `w${row}`], row + 1)
    return made.end()
  }

  it('has exact counts, bounds, means and groups, and quartiles from a sample of rows', async () => {
    const made = survey(60_000, 10_000)
    const { columns, groups } = await statistics(made)
    // Three columns may still be numeric: 1,875 values each; with one row in 16 they would store 11,250.
    expect(made.step).toBe(32)
    const [, n, word] = columns
    expect(n?.numbers).toMatchObject({ min: 1, max: 60_000, mean: 30_000.5 })
    expect(n?.numbers?.median).toBeGreaterThan(29_900)
    expect(n?.numbers?.median).toBeLessThan(30_100)
    expect([word?.distinct, word?.distinct_is_exact]).toEqual([50_000, false])
    expect(groups).toEqual([
      { value: 'odd', count: 30_000, means: { n: 30_000 } },
      { value: 'even', count: 30_000, means: { n: 30_001 } },
    ])
  })

  it('has an exact count of different numbers as long as all of them are kept', async () => {
    const { columns } = await statistics(survey(60_000, 1_000_000))
    expect([columns[1]?.distinct, columns[1]?.distinct_is_exact]).toEqual([60_000, true])
  })

  it('is analyzed within a memory limit that its text would exceed', async () => {
    const row = 'Lyon,2024-03-01,12.5,a note of some length,7\n'
    const bytes = Buffer.from(`city,day,amount,note,count\n${row.repeat(200_000)}`)
    const runInThread = openHeavyThread({ heapMb: 24 })
    const order = { bytes, groupBy: 'city', hasCharts: false }
    const signal = new AbortController().signal
    const found = (await runInThread({
      name: 'data-analyze/analyzeTable',
      input: order,
      signal,
    })) as heavy.AnalyzedTable
    expect([found.rows, found.columns[2]?.numbers?.mean]).toEqual([200_000, 12.5])
  }, 30_000)

  it('JSON lines: a column that starts late has missing values before', async () => {
    const { columns } = await analyze('{"a":1}\n{"a":2}\n{"a":3,"b":5}\n{"a":4,"b":6}\n')
    expect(columns[1]).toMatchObject({ name: 'b', missing: 2, type: 'integer', distinct: 2 })
    expect(columns[1]?.numbers?.outliers.count).toBe(0)
  })
})

describe('the statistics', () => {
  const TABLE = 'k,x,y\na,1,2\na,2,4\nb,3,6\nb,4,8\nb,100,200\n'

  it('match those of a textbook', async () => {
    const { columns, correlations, groups } = await analyze(TABLE, 'k')
    expect(columns[1]?.numbers).toMatchObject({ min: 1, max: 100, mean: 22, median: 3, q1: 2, q3: 4 })
    expect(columns[1]?.numbers?.standard_deviation).toBeCloseTo(43.6177)
    expect(columns[1]?.numbers?.outliers).toEqual({ count: 1, examples: [{ row: 5, value: 100 }] })
    expect(correlations).toEqual([{ columns: ['x', 'y'], r: expect.closeTo(1), rows: 5 }])
    expect(groups).toEqual([
      { value: 'b', count: 3, means: { x: expect.closeTo(35.667, 2), y: expect.closeTo(71.333, 2) } },
      { value: 'a', count: 2, means: { x: 1.5, y: 3 } },
    ])
  })

  it('are drawn as charts, with all text of the file escaped', async () => {
    const { charts } = await analyze(TABLE.replace('k,x', 'k,<script>alert(1)</script>'), undefined, true)
    expect(charts).toHaveLength(4)
    for (const { svg } of charts) {
      expect(svg).toMatch(/^<svg /)
      expect(svg).not.toContain('<script')
    }
  }, 30_000)
})

describe('a table that is refused, with a code of its own', () => {
  it.each<[string, string, Buffer | string, string?]>([
    ['a line without end', 'table_damaged', `a,b\n${'x'.repeat(4_000_000)}`],
    ['nothing but blanks', 'table_empty', ' \n \n'],
    ['one object of JSON over many lines', 'table_damaged', '{\n"a": 1,\n"b": 2\n}\n'],
    ['one list of JSON', 'table_unsupported', '[\n{"a":1},\n{"a":2}]'],
    ['a web page', 'table_unsupported', '<!doctype html><table><tr><td>1,2</td></tr></table>'],
    ['an SVG with a script', 'table_unsupported', '\n<svg><script>alert(1)</script></svg>'],
    ['a PDF', 'table_unsupported', makePdf([[]])],
    ['a DOCX', 'table_unsupported', makeDocx([{ text: 'x' }])],
    ['a workbook that wants a password', 'table_unsupported', makeEncryptedOffice()],
    ['a damaged workbook', 'table_damaged', makeXlsx([['a']]).subarray(0, 500)],
    [
      'entities behind a long comment',
      'table_bomb',
      makeXlsx([['a']], {
        'xl/sharedStrings.xml': Buffer.from(
          `<!--${'x'.repeat(5_000)}--><!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst/>`,
        ),
      }),
    ],
    ['a zip bomb', 'table_bomb', makeXlsx([['a']], { 'xl/bomb.xml': new Uint8Array(100_000_000) })],
    ['a group by what is not there', 'unknown_column', 'a,b\n1,2\n', 'c'],
  ])('%s', async (_name, code, bytes, groupBy) => {
    expect(await codeOf(bytes, groupBy)).toBe(code)
  })

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'a column may have the name "%s", which every JavaScript object has as a property',
    async (name) => {
      const csv = await analyze(`${name},b\n1,2\n3,4\n4,9\n`, name, true)
      expect([csv.columns[0]?.name, csv.columns[0]?.numbers?.max, csv.charts.length]).toEqual([name, 4, 3])
      const lines = await analyze(`{"${name}":1,"b":2}\n{"b":3}\n`, undefined, true)
      expect(lines.columns.map((column) => [column.name, column.missing])).toEqual([
        [name, 1],
        ['b', 0],
      ])
    },
  )

  it('JSON that is nested without end is a row with a mistake', async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    const found = await analyze(`{"a":1}\n${deep}\n{"a":2}\n`)
    expect([found.rows, found.broken_rows.examples]).toEqual([
      2,
      [{ line: 2, problem: 'is nested too deeply' }],
    ])
  })

  it('formula cells are text, and counted', async () => {
    const found = await analyze('a,b\n=HYPERLINK("x"),-5\n@SUM(A1),+x\n')
    expect([found.formula_cells, found.columns[0]?.type]).toEqual([3, 'text'])
  })
})

describe('data.analyze', () => {
  const input = { text: 'x,y\n1,2\n2,4\n3,7\n', charts: false }

  it('returns a narrative that contains only computed numbers', async () => {
    const { result, stepped } = await runTaskType(task, input, {
      answer: '{"narrative":"x goes from 1 to 3, with a mean of 2; y has a mean of 4.33."}',
    })
    expect(stepped).toEqual(['analyze', 'narrative'])
    expect(result.narrative).toContain('4.33')
    expect(result.columns).toHaveLength(2)
  })

  it('a narrative with an invented number is requested again, then omitted', async () => {
    const { result, prompts } = await runTaskType(task, input, {
      heavy,
      answer: '{"narrative":"y will grow to 9876."}',
    })
    expect(prompts).toHaveLength(2)
    expect(prompts[1]).toContain('9876')
    expect([result.narrative, result.narrative_refused]).toEqual([null, ['9876']])
  })

  it('calls no model when no narrative is requested', async () => {
    const { prompts } = await runTaskType(task, { ...input, narrative: false }, { heavy })
    expect(prompts).toEqual([])
  })

  it.each([
    [{}, 'text'],
    [{ text: ' ' }, 'text'],
    [{ file: { name: 'a.xlsx', base64: 'YSxi' } }, 'file.base64'],
    [{ file: { base64: makePdf([[]]).toString('base64') } }, 'file.base64'],
  ])('refuses at submit (%#)', (sent, field) => {
    expect(task.input.safeParse(sent).error?.issues[0]?.path.join('.')).toBe(field)
  })
})

describe('numbersNotInFacts', () => {
  const facts = { mean: 4.3333, share: 0.25, rows: 1_234, columns: [{ name: 'in 2024' }] }

  it.each([
    ['a mean of 4.33', []],
    ['about 4', []],
    ['25 % or 25.0%', []],
    ['1,234 rows', []],
    ['in 2024', []],
    ['4.34', ['4.34']],
    ['４.３３, ٤.٣٣ and 1.234 Zeilen, im Mittel 4,33', []],
    ['in 2024 1,234 rows; 1,234, 2024', []],
    ['９８７６', ['9876']],
    ['4,34', ['4,34']],
    ['2024 77', ['2024 77']],
    ['26 %', ['26 %']],
    ['1,235', ['1,235']],
  ])('%s', (text, expected) => {
    expect(numbersNotInFacts(text, facts)).toEqual(expected)
  })
})
