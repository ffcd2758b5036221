import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Written by `new-task` when the reader runs the command of the line. */
const MADE_BY_COMMAND = ['functions/tasks/text-translate/']

describe('the README', () => {
  it('names only files and folders that exist', () => {
    const named = [...readme.matchAll(/`((?:functions|lib|bin|test)\/[\w./-]*)`/g)].map(
      (match) => match[1] ?? '',
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((path) => !MADE_BY_COMMAND.includes(path) && !existsSync(join(root, path)))).toEqual(
      [],
    )
  })

  it('names only npm scripts that exist, and every script that is a file’s start has its file', () => {
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
    expect(named.filter((name) => !(name in scripts))).toEqual([])
    const files = Object.values<string>(scripts).flatMap((line) => /node (\S+\.ts)/.exec(line)?.[1] ?? [])
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})
