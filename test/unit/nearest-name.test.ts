import { describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import { nearestName, nearestText } from '../../functions/core/domain/nearest-name.ts'

const FIELDS = ['status', 'type', 'lane', 'tag', 'created_after', 'limit', 'cursor', 'ids', 'wait', 'x', 'y']

describe('the nearest name', () => {
  it.each([
    ['staus', 'status'],
    ['STATUS', 'status'],
    ['tpye', 'type'],
    ['lanes', 'lane'],
    ['yy', 'y'],
    ['createdAfter', 'created_after'],
    ['created', 'created_after'],
    ['cursro', 'cursor'],
  ])('of %s is %s, which was probably mistyped', (word, name) => {
    expect(nearestName(word, FIELDS)).toBe(name)
  })

  it.each(['page', 'size', 'order', 'z', 'offset', 'since', 'title', ''])(
    'of %j is none, because the known names are other words',
    (word) => {
      expect(nearestText(word, FIELDS)).toBe('')
    },
  )

  it('of a shortened word is the whole one', () => {
    expect(nearestText('docs', LANES)).toBe(' Nearest: "documents".')
    expect(nearestName('timeout', ['tags', 'timeout_seconds'])).toBe('timeout_seconds')
  })
})
