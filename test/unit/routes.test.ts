import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateRoutes } from '../../bin/generate-routes.ts'
import { bundleFunctions } from '../../lib/bundle.ts'

const project = resolve(import.meta.dirname, '../..')
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'routes-'))
  await cp(join(project, 'functions'), join(root, 'functions'), { recursive: true })
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const routeText = (changes: { path?: string; name?: string } = {}) => `import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'

export const ${changes.name ?? 'groomUnicornRoute'} = defineRoute({
  method: 'POST',
  path: '${changes.path ?? '/unicorns/{id}/groom'}',
  function: 'api-public',
  scope: 'tasks:write',
  summary: 'Groom a unicorn',
  params: z.object({ id: z.string() }),
  answers: { 200: { description: 'Groomed.', schema: z.object({ id: z.string() }) } },
  needs: () => undefined,
  handle: async ({ params }) => ({ status: 200, body: { id: params.id } }),
})
`
const write = (file: string, text: string) => writeFile(join(root, 'functions/api/routes', file), text)

describe('the files generated from the routes', () => {
  it('match the route files; if this fails, run "npm run generate"', async () => {
    expect(await generateRoutes({ check: true })).toEqual([])
  })

  it('start the document with submitting a task, and with tasks', async () => {
    const text = await readFile(join(project, 'functions/api/openapi.gen.json'), 'utf8')
    const { tags, paths } = JSON.parse(text) as {
      tags: { name: string }[]
      paths: Record<string, Record<string, { tags: string[] }>>
    }
    expect(tags[0]?.name).toBe('tasks')
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [method, path, operation.tags[0]]),
    )
    expect(operations.find(([, , tag]) => tag === 'tasks')).toEqual(['post', '/tasks', 'tasks'])
  })

  it('need one file for a route: it makes its entry, its row for the CDK, its type and its place in the document', async () => {
    await write('tasks/groom-unicorn.ts', routeText())
    expect((await generateRoutes({ root })).sort()).toEqual([
      'functions/api/groups/api-public.gen.ts',
      'functions/api/openapi.gen.json',
      'functions/api/routes.gen.json',
      'functions/api/routes.gen.ts',
    ])
    expect(await generateRoutes({ root, check: true })).toEqual([])
  })

  it.each([
    ['a name that is not the file’s', routeText({ name: 'brushRoute' }), /must export groomUnicornRoute/],
    ['a parameter that is not declared', routeText({ path: '/u/{name}' }), /path has \{name\}.*has \{id\}/],
    [
      'a path that another has',
      routeText({ path: '/tasks/{id}/cancel' }),
      /both "POST \/tasks\/\{id\}\/cancel"/,
    ],
    ['a mistake of syntax', 'export const = 1', /groom-unicorn\.ts does not load/],
  ])('%s is refused by file', async (_, text, message) => {
    await write('tasks/groom-unicorn.ts', text)
    await expect(generateRoutes({ root })).rejects.toThrow(message)
  })
})

describe('the submit function', () => {
  // 70 kB of it are zod, 180 kB two SDK clients; 11 kB are the prices of models and the code of budgets.
  it('loads less than 400 kB at a cold start: task types and routes are small imports', async () => {
    const [report] = await bundleFunctions({ only: ['api-writes'], outRoot: join(root, 'bundles') })
    expect(report?.coldBytes).toBeLessThan(400_000)
  })
})
