import { readFile } from 'node:fs/promises'
import { API_BASE } from '../contract.ts'
import { RequestError } from '../core/domain/errors.ts'
import type { Door } from '../hosts/lambda.ts'

/** Files of the viewer that lie beside the bundle. */
const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Async AI Task Runner</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>`

// A file of its own, so that the page's policy needs no inline scripts.
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#docs', tryItOutEnabled: true, persistAuthorization: true,
  displayRequestDuration: true, defaultModelsExpandDepth: 0, docExpansion: 'list' })`

const POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

/** GET /docs and GET /docs/{file} — Swagger UI, served by us: nothing comes from another host. */
export const docsDoor: Door = async ({ path, parameters: { file } }) => {
  const headers = { 'content-security-policy': POLICY, 'cache-control': 'public, max-age=3600' }
  if (file === undefined && path.endsWith('/'))
    return { status: 308, headers: { location: path.slice(0, -1) }, text: '' }
  if (file === undefined)
    return { status: 200, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, text: PAGE }
  if (file === 'start.js')
    return { status: 200, headers: { ...headers, 'content-type': 'text/javascript' }, text: START }
  const type = Object.hasOwn(FILES, file) && FILES[file]
  if (!type) throw new RequestError('not_found', `The docs have no file of that name. See ${API_BASE}/docs.`)
  const text = await readFile(new URL(`./docs/${file}`, import.meta.url), 'utf8')
  return { status: 200, headers: { ...headers, 'content-type': type }, text }
}
