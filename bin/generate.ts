/** `npm run generate`: writes every `.gen.` file, of the providers and the task types first, of the routes then. */
import { generateProviders } from './generate-providers.ts'
import { generateTasks } from './generate-tasks.ts'

const isCheck = process.argv.includes('--check')
try {
  const providers = await generateProviders({ check: isCheck })
  const { changed: tasks, warnings } = await generateTasks({ check: isCheck })
  for (const warning of warnings) console.warn(warning)
  // Imported now: it loads every task type, those that were just registered included, and one that does not load has
  // been told with its place before.
  const { generateRoutes } = await import('./generate-routes.ts')
  const changed = [...providers, ...tasks, ...(await generateRoutes({ check: isCheck }))]
  if (changed.length > 0)
    console.log(
      `${isCheck ? 'Stale' : 'Wrote'}: ${changed.join(', ')}${isCheck ? '. Run "npm run generate".' : ''}`,
    )
  if (isCheck && changed.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
