/** `npm run generate`: writes every `.gen.` file, of the task types first, of the routes then. */
import { generateRoutes } from './generate-routes.ts'
import { generateTasks } from './generate-tasks.ts'

const isCheck = process.argv.includes('--check')
try {
  const { changed: tasks, warnings } = await generateTasks({ check: isCheck })
  for (const warning of warnings) console.warn(warning)
  const changed = [...tasks, ...(await generateRoutes({ check: isCheck }))]
  if (changed.length > 0)
    console.log(
      `${isCheck ? 'Stale' : 'Wrote'}: ${changed.join(', ')}${isCheck ? '. Run "npm run generate".' : ''}`,
    )
  if (isCheck && changed.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
