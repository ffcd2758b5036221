import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'functions/SECURITY.md'), 'utf8')
const rows = text.split('\n').filter((line) => /^\| [STRIDE] \|/.test(line))

describe('the threat model', () => {
  it('has rows for every entry point', () => {
    expect(rows.length).toBeGreaterThan(15)
  })

  it.each(rows)('%s', (row) => {
    const [, file = '', name = ''] = /`(test\/[\w./-]+)` › (.+) \|$/.exec(row) ?? []
    const source = readFileSync(join(root, file), 'utf8')
    const names = [
      ...source.matchAll(/\bit(?:\.each\([\s\S]*?\))?\(\s*(['"`])(?:%s |\$name )?(.+?)\1,/g),
    ].map((match) => match[2])
    expect(names).toContain(name)
  })
})
