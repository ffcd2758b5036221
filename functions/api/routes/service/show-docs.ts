import { defineRoute } from '../../define-route.ts'
import { DOCS_HEADERS, docsPage } from '../../docs-page.ts'

export const showDocsRoute = defineRoute({
  method: 'GET',
  path: '/docs',
  function: 'api-public',
  scope: 'open',
  summary: 'Show this document as a page',
  answers: { 200: { description: 'A page to read and try the API.', mediaType: 'text/html' } },
  needs: () => undefined,
  handle: async ({ base }) => ({
    status: 200,
    headers: { ...DOCS_HEADERS, 'content-type': 'text/html; charset=utf-8' },
    text: docsPage(base),
  }),
})
