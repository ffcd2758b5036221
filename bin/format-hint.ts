/** After a failed `biome check`: most of what it finds is mended by one command, which its own output does not name. */
import { styleText } from 'node:util'

console.error(
  styleText(
    'yellow',
    'npm run format mends what is about format, order of imports or marked FIXABLE; the rest is yours.',
  ),
)
process.exitCode = 1
