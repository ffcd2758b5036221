import { describe, expect, it } from 'vitest'
import { readCursor, writeCursor } from '../../functions/api/schemas/cursor.ts'
import { scheduleQuery } from '../../functions/api/schemas/schedule.ts'
import { createIds } from '../../functions/core/adapters/system/ids.ts'

const now = 1_764_000_000_000
const id = createIds(() => now).taskId()
const place = `0${now}#${id}`
const CHARACTERS = [...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_']

describe('a cursor', () => {
  const cursor = writeCursor(place) ?? ''

  it('is read as it was written', () => {
    expect(readCursor(cursor)).toBe(place)
  })

  it.each([
    ['with a character more', CHARACTERS.map((character) => cursor + character)],
    ['with two more', CHARACTERS.map((character) => `${cursor}M${character}`)],
    ['with a character less', [cursor.slice(0, -1)]],
    // The last character has two bits that are not part of any byte.
    ['with another spelling of its last byte', [cursor.slice(0, -1) + nextCharacter(cursor)]],
    ['with padding', [`${cursor}=`]],
    ['of an id that no row has', [writeCursor(`0${now}#a`) ?? '']],
  ])('%s is refused, and the error says what to send', (_, cursors) => {
    for (const changed of cursors)
      expect(() => readCursor(changed)).toThrow(
        /not a cursor of this API; send next_cursor of the previous page/,
      )
  })
})

function nextCharacter(cursor: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(cursor.at(-1) ?? '') + 1] ?? ''
}

it('a cursor of schedules is the id of one', () => {
  const isCursor = (cursor: string) => scheduleQuery.safeParse({ cursor }).success
  expect([id, 'stage-nightly', `${id}0`, id.slice(1), 'a'].map(isCursor)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})
