/** `npm run generate`: writes every `.gen.` file: first those of providers and task types, then those of the routes. */
import { generateProviders } from './generate-providers.ts'
import { generateTasks } from './generate-tasks.ts'

const isCheck = process.argv.includes('--check')
try {
  const providers = await generateProviders({ check: isCheck })
  const { changed: tasks, warnings } = await generateTasks({ check: isCheck })
  for (const warning of warnings) console.warn(warning)
  // Imported here, because it loads every task type, including new ones. A type that does not load has been reported before with
  // the place of the error.
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
// A task type may have opened a timer or a connection at load.
process.exit()
