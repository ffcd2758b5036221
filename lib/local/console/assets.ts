import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Marked } from 'marked'

const PAGE = join(import.meta.dirname, 'page')
const RUNBOOK = join(import.meta.dirname, '../../observability/RUNBOOK.md')

export const PAGES = [
  { path: '/', title: 'Overview' },
  { path: '/lanes', title: 'Lanes' },
  { path: '/alarms', title: 'Alarms' },
  { path: '/logs', title: 'Logs' },
  { path: '/functions', title: 'Functions' },
  { path: '/runbook', title: 'Runbook' },
] as const

/** The page's own script and style, and the chart library's style. @returns undefined for anything else. */
export async function loadAsset(path: string): Promise<{ type: string; text: string } | undefined> {
  if (path === '/main.js') return { type: 'text/javascript; charset=utf-8', text: await bundled() }
  if (path !== '/style.css') return undefined
  const uplot = createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css')
  const texts = await Promise.all([uplot, join(PAGE, 'style.css')].map((file) => readFile(file, 'utf8')))
  return { type: 'text/css; charset=utf-8', text: texts.join('\n') }
}

let bundle: Promise<string> | undefined

/** Built at the first look: most starts never open the console. */
function bundled(): Promise<string> {
  bundle ??= (async () => {
    const { build } = await import('esbuild')
    const { outputFiles } = await build({
      entryPoints: [join(PAGE, 'main.ts')],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: 'es2022',
    })
    return outputFiles[0]?.text ?? ''
  })()
  return bundle
}

/** The runbook as HTML; its headings have the ids that alarms link to. */
export async function loadRunbook(): Promise<string> {
  const marked = new Marked({
    renderer: {
      heading({ text, depth }) {
        return `<h${depth} id="${text.toLowerCase()}">${text}</h${depth}>`
      },
    },
  })
  return marked.parse(await readFile(RUNBOOK, 'utf8'))
}

export function toPage(path: string): string {
  const page = PAGES.find((item) => item.path === path) ?? PAGES[0]
  const links = PAGES.map(
    (item) =>
      `<a href="/console${item.path === '/' ? '' : item.path}"${item === page ? ' aria-current="page"' : ''}>${item.title}</a>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · Task runner console</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/style.css">
<script type="module" src="/console/main.js"></script>
</head>
<body data-page="${page.path}">
<header>
<strong>Task runner</strong>
<nav aria-label="Console">${links.join('')}<a href="/api/v1/docs">API</a></nav>
<span id="health" role="status"></span>
</header>
<main id="main" aria-live="off"></main>
</body>
</html>
`
}
