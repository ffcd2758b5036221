/** Sources of the template of stage `local`, without its bundles: everything that `lib/app.ts` imports. */
export const TEMPLATE_SOURCES: readonly string[] = [
  'lib/app.ts',
  'lib/assembly',
  'lib/constructs',
  'lib/costs',
  'lib/observability',
  'lib/stacks',
  'lib/stages',
  'functions/contract.ts',
  'functions/contract',
  'functions/metrics.ts',
  // Names the nearest setting to a misspelt one.
  'functions/core/domain/nearest-name.ts',
  'functions/api/routes.gen.json',
  'functions/tasks/manifest.gen.json',
  'package.json',
  'package-lock.json',
]

/** @param path relative to the project's root. */
export const isTemplateSource = (path: string): boolean =>
  TEMPLATE_SOURCES.some((source) => path === source || path.startsWith(`${source}/`))
