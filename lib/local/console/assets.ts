import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { Marked } from 'marked'
import type { LocalProduct } from '../product.ts'

const PAGE = join(import.meta.dirname, 'page')

export interface ConsolePage {
  readonly path: string
  readonly title: string
  /** Path of the navigation entry that this page belongs to. */
  readonly parentPath?: string
  /** Index of the template's dashboard that it shows. */
  readonly dashboard?: number
}

/** Pages without `parentPath` are in the navigation, in this order. */
const pagesOf = ({ dashboards }: LocalProduct): readonly ConsolePage[] => [
  { path: '/', title: 'Home' },
  { path: '/tasks', title: 'Tasks' },
  { path: '/workflows', title: 'Workflows' },
  { path: '/schedules', title: 'Schedules' },
  { path: '/webhooks', title: 'Webhooks' },
  { path: '/submit', title: 'Submit' },
  { path: '/lanes', title: 'Lanes' },
  { path: '/workers', title: 'Workers' },
  { path: '/logs', title: 'Logs' },
  ...dashboards.map(({ path, title }, index) => ({
    ...{ path, title, dashboard: index },
    ...(index > 0 && dashboards[0] ? { parentPath: dashboards[0].path } : {}),
  })),
  { path: '/alarms', title: 'Alarms' },
  { path: '/runbook', title: 'Runbook' },
  { path: '/task', title: 'Task', parentPath: '/tasks' },
  { path: '/workflow', title: 'Workflow', parentPath: '/workflows' },
  { path: '/outbox', title: 'Outbox', parentPath: '/' },
]

/** @returns undefined for an unknown page. The page of one object has its id in the path, so that it is short to type and share. */
export function pageOf(path: string, product: LocalProduct): ConsolePage | undefined {
  const [, list] = /^\/(task|workflow)s\/[\w-]+$/.exec(path) ?? []
  return pagesOf(product).find((page) => page.path === (list ? `/${list}` : path))
}

/** The pages' script and style, and the chart library's style. @returns undefined for anything else. */
export async function loadAsset(path: string): Promise<{ type: string; text: string } | undefined> {
  if (path.endsWith('.js')) {
    const text = (await bundled()).get(path.slice(1))
    return text === undefined ? undefined : { type: 'text/javascript; charset=utf-8', text }
  }
  if (path !== '/style.css') return undefined
  const uplot = createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css')
  const texts = await Promise.all([uplot, join(PAGE, 'style.css')].map((file) => readFile(file, 'utf8')))
  return { type: 'text/css; charset=utf-8', text: texts.join('\n') }
}

let bundle: Promise<ReadonlyMap<string, string>> | undefined

/** Script files by name. Built at the first request, because most starts never open the console. */
export function bundled(): Promise<ReadonlyMap<string, string>> {
  bundle ??= (async () => {
    const { build } = await import('esbuild')
    const { outputFiles } = await build({
      entryPoints: [join(PAGE, 'main.tsx')],
      outdir: PAGE,
      bundle: true,
      splitting: true,
      minify: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      jsx: 'automatic',
      jsxImportSource: 'preact',
    })
    return new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  })()
  return bundle
}

/** The runbook as HTML; its headings have the ids that alarms link to. */
export async function loadRunbook(file: string): Promise<string> {
  const marked = new Marked({
    renderer: {
      heading({ text, depth }) {
        return `<h${depth} id="${text.toLowerCase()}">${text}</h${depth}>`
      },
    },
  })
  return marked.parse(await readFile(file, 'utf8'))
}

/** @param content HTML of a page that is written by the server. */
export function toPage(page: ConsolePage, product: LocalProduct, content = ''): string {
  const place = page.parentPath ?? page.path
  const links = pagesOf(product)
    .filter(({ parentPath }) => parentPath === undefined)
    .map(
      (item) =>
        `<a href="/console${item.path === '/' ? '' : item.path}"${item.path === place ? ' aria-current="page"' : ''}>${item.title}</a>`,
    )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · ${product.name} console</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/style.css">
<script type="module" src="/console/main.js"></script>
</head>
<body data-page="${page.path}" data-api="${product.apiPath}"${page.dashboard === undefined ? '' : ` data-dashboard="${page.dashboard}"`}>
<header>
<a class="home" href="/console">${product.name}</a>
<nav aria-label="Console">${links.join('')}<a href="${product.docsPath}">API</a></nav>
<span id="health" role="status"></span>
</header>
<main id="main" aria-live="off">${content}</main>
</body>
</html>
`
}
