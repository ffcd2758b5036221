/**
 * Texts from outside for which a careless regular expression needs minutes: while it searches, nothing else of its execution
 * environment runs, not even the heartbeats of the other tasks. Every case takes more than the test's time limit with
 * such an expression.
 */
import { expect, it } from 'vitest'
import * as z from 'zod'
import { OPENAI_RULES } from '../../functions/core/adapters/providers/openai/failures.ts'
import { parsePiece } from '../../functions/core/adapters/providers/shared/parse-piece.ts'
import { readErrorText } from '../../functions/core/adapters/providers/shared/read-error.ts'
import { failureFields } from '../../functions/core/application/run/failure-fields.ts'
import { detectMediaType } from '../../functions/core/domain/media-type.ts'
import { failedCall } from '../../functions/core/domain/provider-failure.ts'
import { readRetryWait } from '../../functions/core/domain/retry-after.ts'
import { askObject } from '../../functions/core/kit/ask-object.ts'
import { toNumber } from '../../functions/tasks/data-analyze/columns.ts'

const failure = { provider: 'openai', status: 400, message: 'no', now: 0 }
const codeOf = (fields: object): string => failedCall({ ...failure, ...fields }, OPENAI_RULES).code

it('a wait in a message that continues after a number', () => {
  const digits = '1'.repeat(60)
  expect(readRetryWait({ message: `Please try again in ${digits}x`, now: 0 })).toBeUndefined()
  expect(readRetryWait({ message: 'Please try again in 1m6.2s.', now: 0 })).toBe(66_200)
  expect(readRetryWait({ message: 'retry after 26 seconds', now: 0 })).toBe(26_000)
  expect(readRetryWait({ message: 'Please try again in 20seconds', now: 0 })).toBe(20_000)
  const ratelimit = 'r=0 '.repeat(1_000_000)
  expect(readRetryWait({ message: '', headers: { ratelimit }, now: 0 })).toBeUndefined()
})

it('an error with a message or code of megabytes', () => {
  for (const message of ['token+', '+', 'models '].map((word) => `token${word.repeat(500_000)}`))
    expect(codeOf({ message })).toBe('provider_rejected')
  expect(codeOf({ code: `empty_${'image'.repeat(500_000)}-` })).toBe('provider_rejected')
  expect(codeOf({ message: `${' '.repeat(1_000)}rate limit` })).toBe('provider_rate_limited')
})

it.each(['<', '<style', '<style>a</script', '<a <style '])('an error page of %s, and nothing else', (tag) => {
  const { message } = readErrorText(`Bad gateway ${tag.repeat(500_000)}`)
  expect(message).toMatch(/^Bad gateway/)
})

it('an error page without its styles, scripts and tags', () => {
  const page = '<style>b</style><STYLE a>x</STYLE><script>1 < 2</script><p class="a">Bad\ngateway</p> 1 < 2 >'
  expect(readErrorText(page).message.trim()).toMatch(/^Bad\ngateway/)
})

it('a piece of an answer with strings that do not end', () => {
  const data = `${'\\"'.repeat(1_000_000)}NaN`
  expect(() => parsePiece(z.object({}), data, 'openai')).toThrow('not JSON')
  expect(
    parsePiece(z.object({ a: z.null(), b: z.string() }), '{"a": NaN, "b": "NaN \\" NaN"}', 'openai'),
  ).toEqual({
    a: null,
    b: 'NaN " NaN',
  })
})

it('an upload that starts with many comments', () => {
  const file = (text: string) => detectMediaType(new TextEncoder().encode(text))
  expect(file('<!---->'.concat('<!----><?XML--><!---->'.repeat(40)))).toBe('text/plain')
  expect(file(`${'<!-- '.repeat(100)}-->\n<?xml a?>  <!DOCTYPE svg> <SVG>`)).toBe('image/svg+xml')
  expect(file(`${'<!-->'.repeat(200)}`)).toBe('text/plain')
})

it('a model answer with a code block that does not end', async () => {
  const answers = [`\`\`\`json\n${' '.repeat(300_000)}x`, '```json\n{"a": 1}\n```']
  const model = { generate: async () => ({ text: answers.shift() ?? '' }) }
  const question = { name: 'n', schema: z.object({ a: z.number() }), prompt: 'p' }
  expect(await askObject(model as never, question)).toEqual({ a: 1 })
})

it('a cell of a table with a million digits', () => {
  expect(toNumber(`${'1'.repeat(1_000_000)}E`)).toBeUndefined()
  expect(toNumber(`.${'\t'.repeat(1_000_000)}x`)).toBeUndefined()
  expect(toNumber('1234567890.5')).toBe(1_234_567_890.5)
})

it('an author’s error whose message resembles a stack', () => {
  const error = new Error(`no\n    at ${'/s'.repeat(500_000)}`)
  expect(failureFields(error).message).toMatch(/^no/)
})
