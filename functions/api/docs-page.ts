/** Swagger UI from our own files, so that nothing is loaded from another host. The files are beside the bundle. */
export const DOCS_FILES = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const

/** @param base path of the API, because the page is served with and without a slash at its end. */
export const docsPage = (base: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Async AI Task Runner</title>
<link rel="icon" href="data:,">
<base href="${base.replace(/[^\w./~-]/g, '')}/">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>`

// A separate file, so that the page's security policy needs no inline scripts.
export const START_SCRIPT = `const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()
SwaggerUIBundle({ url: 'openapi.json', dom_id: '#docs', tryItOutEnabled: true, persistAuthorization: true,
  displayRequestDuration: true, defaultModelsExpandDepth: 0, docExpansion: 'list' })`

export const DOCS_HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
  'cache-control': 'public, max-age=3600',
} as const
