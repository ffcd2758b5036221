/** The text printed at the start: addresses, model names with their providers, and commands to try. */

import { styleText } from 'node:util'
import { baseUrlVariableOf, KEYED_PROVIDERS, keyVariableOf } from '../../functions/contract/providers.ts'
import { local } from '../../lib/stages/local.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Banner {
  readonly url: string
  readonly tookMs: number
  /** Relative to the present folder if possible. */
  readonly logs: string
  readonly env: Environment
  readonly hasEnvFile: boolean
  readonly isUsualPort: boolean
}

export function bannerText({ url, tookMs, logs, env, hasEnvFile, isUsualPort }: Banner): string {
  const base = url.replace('127.0.0.1', 'localhost')
  const line = (name: string, value: string) => `  ${styleText('dim', name.padEnd(9))}${value}`
  const routes = modelLines(env)
  const keyHeader = local(env).api.auth === 'keys' ? ' -H "x-api-key: $TASKRUNNER_KEY"' : ''
  const isAllSimulated = routes.every(({ isReal }) => !isReal)
  return [
    '',
    `  ${styleText('bold', 'Async AI Task Runner')} is up ${styleText('dim', `(${(tookMs / 1_000).toFixed(1)} s)`)}`,
    '',
    line('API', styleText('cyan', `${base}/api/v1`)),
    line('Docs', styleText('cyan', `${base}/api/v1/docs`)),
    line('Console', styleText('cyan', `${base}/console`)),
    line('Logs', `${logs}/`),
    ...routes.map(({ names, goesTo, isReal }, index) =>
      line(
        index === 0 ? 'Models' : '',
        `${names.padEnd(22)} → ${isReal ? styleText('green', goesTo) : styleText('yellow', goesTo)}`,
      ),
    ),
    ...(isAllSimulated
      ? [
          line(
            '',
            hasEnvFile
              ? 'Put a key into .env and start again.'
              : 'For real ones: copy .env.example to .env, put a key in, start again.',
          ),
        ]
      : []),
    '',
    `  Try it:   ${styleText('green', `npm run quick-test${isUsualPort ? '' : ` -- --base ${base}`}`)}   or`,
    '',
    `  curl -X POST ${base}/api/v1/tasks -H 'Content-Type: application/json'${keyHeader} \\`,
    `    -d '{"prompt": "What is quantum computing?", "model": "gpt-3.5-turbo"}'`,
    '',
  ].join('\n')
}

/** The model names that callers can use, with their providers: as the stage's file derives them from the environment. */
export function modelLines(env: Environment) {
  const given = (name: string) => env[name]?.trim() || undefined
  const { routes, bedrockModels = [], servers = [] } = local(env).models
  const lines = KEYED_PROVIDERS.flatMap((provider) => {
    const [key, base] = [keyVariableOf(provider), baseUrlVariableOf(provider)]
    const real = Object.keys(routes).filter((name) => routes[name] === provider)
    if (real.length === 0) return []
    const at = given(base) ? ` at ${hostOf(given(base) ?? '')}` : ''
    const keyless = given(key) ? '' : ` (no ${key})`
    return [{ names: real.join(', '), goesTo: `${provider}${at}${keyless}`, isReal: true }]
  })
  for (const { name, baseUrl, models } of servers)
    lines.push({ names: models.join(', '), goesTo: `${name} at ${hostOf(baseUrl)}`, isReal: true })
  if (bedrockModels.length > 0)
    lines.push({ names: bedrockModels.join(', '), goesTo: 'bedrock', isReal: true })
  const played = Object.keys(routes).filter(
    (name) => routes[name] === 'simulated' && !name.startsWith('simulated'),
  )
  return played.length === 0
    ? lines
    : [...lines, { names: played.join(', '), goesTo: 'simulated: no key in .env', isReal: false }]
}

/** Only the host, because an address may contain a password. */
function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'an address that cannot be read'
}
