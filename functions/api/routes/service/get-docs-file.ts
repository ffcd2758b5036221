import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { API_BASE } from '../../../contract.ts'
import { RequestError } from '../../../core/domain/errors.ts'
import { defineRoute } from '../../define-route.ts'
import { DOCS_FILES, DOCS_HEADERS, START_SCRIPT } from '../../docs-page.ts'

export const getDocsFileRoute = defineRoute({
  method: 'GET',
  path: '/docs/{file}',
  function: 'api-public',
  scope: 'open',
  summary: 'Get a file of the page',
  params: z.object({ file: z.string() }),
  answers: { 200: { description: 'A script or a style sheet.', mediaType: 'text/javascript' } },
  problems: [404],
  needs: () => undefined,
  handle: async ({ params: { file } }) => {
    if (file === 'start.js')
      return {
        status: 200,
        headers: { ...DOCS_HEADERS, 'content-type': 'text/javascript' },
        text: START_SCRIPT,
      }
    const type = Object.hasOwn(DOCS_FILES, file) && DOCS_FILES[file as keyof typeof DOCS_FILES]
    if (!type)
      throw new RequestError('not_found', `The docs have no file of that name. See ${API_BASE}/docs.`)
    const text = await readFile(new URL(`./docs/${file}`, import.meta.url), 'utf8')
    return { status: 200, headers: { ...DOCS_HEADERS, 'content-type': type }, text }
  },
})
