/** After a failed `biome check`, names the command that fixes most findings, because its own output does not. */
import { styleText } from 'node:util'

console.error(
  styleText(
    'yellow',
    'npm run format mends what is about format, order of imports or marked FIXABLE; the rest is yours.',
  ),
)
process.exitCode = 1
