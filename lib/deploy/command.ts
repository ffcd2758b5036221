import { nearestText } from '../../functions/core/domain/nearest-name.ts'
import { loadStage } from '../stages/load-stage.ts'
import type { StageSettings } from '../stages/stage-schema.ts'

export const VERBS = ['preflight', 'deploy', 'admin-key', 'smoke', 'diff', 'destroy'] as const
export type Verb = (typeof VERBS)[number]

export interface Command {
  readonly verb: Verb
  readonly stage: StageSettings
  /** Do not ask for confirmation. */
  readonly isForced: boolean
  /** Check the account first. */
  readonly hasPreflight: boolean
  /** Create another administrator's key although there is one. */
  readonly createsNewKey?: boolean
  /** Arguments for the CDK CLI, one list per run, in order. */
  readonly runs: readonly (readonly string[])[]
}

/** Option that skips the check of the account. */
const SKIP_PREFLIGHT = '--skip-preflight'

/**
 * Parses `deploy dev`, `diff preview pr-123`, `destroy dev --force`. Everything after the stage is passed to the CDK.
 *
 * @throws Error that says what is wrong and what to type instead.
 */
export function readCommand([verb = '', ...args]: readonly string[]): Command {
  if (!VERBS.some((known) => known === verb))
    throw new Error(`There is no "${verb}".${nearestText(verb, VERBS)} Known: ${VERBS.join(', ')}.`)
  const [name = '', ...more] = args
  if (name === '' || name.startsWith('-')) throw new Error(`Which stage? npm run ${verb} -- dev`)
  const isPreview = name === 'preview'
  const [branch = '', ...others] = more
  if (isPreview && (branch === '' || branch.startsWith('-')))
    throw new Error(`Which preview stage? npm run ${verb} -- preview pr-123`)
  const stage = loadStage(isPreview ? `preview-${branch}` : name)
  if (stage.name === 'local') throw new Error('Stage "local" runs on this machine: npm start')
  const words = isPreview ? others : more
  const rest = words.filter((word) => word !== SKIP_PREFLIGHT)
  // An emulator has no quotas and no model keys.
  const looks = verb === 'preflight' || (verb === 'deploy' && !rest.includes('--no-execute'))
  const hasPreflight = looks && stage.name !== 'emulated' && rest.length === words.length
  const context = stage.name.startsWith('preview-')
    ? ['--context', `preview=${stage.name.slice(8)}`]
    : stage.name === 'emulated'
      ? ['--context', 'emulated=true']
      : []
  const run = (...stacks: string[]) => [
    verb,
    ...stacks.map((stack) => `TaskRunner-${stage.name}/${stack}`),
    '--no-notices',
    ...context,
    ...rest,
  ]
  const isForced = rest.includes('--force') || rest.includes('-f')
  if (verb === 'preflight' || verb === 'smoke' || verb === 'admin-key')
    return { verb, stage, isForced, hasPreflight, createsNewKey: rest.includes('--new'), runs: [] }
  if (verb !== 'destroy') return { verb: verb as Verb, stage, isForced, hasPreflight, runs: [run('*')] }
  refuseProtected(stage)
  const force = isForced ? [] : ['--force']
  // The stack that writes to the bucket is destroyed first, so that the emptied bucket stays empty.
  return {
    verb,
    stage,
    isForced,
    hasPreflight,
    runs: [
      [...run('stateless'), ...force],
      [...run('stateful'), ...force],
    ],
  }
}

function refuseProtected({ name, protection }: StageSettings): void {
  const reasons = [
    ...(protection.hasTerminationProtection ? ['its stateful stack has termination protection'] : []),
    ...(protection.hasDeletionProtection ? ['its table has deletion protection'] : []),
    ...(protection.isRetained ? ['its data is to outlive its stacks'] : []),
  ]
  if (reasons.length === 0) return
  throw new Error(
    `Stage "${name}" is not destroyed: ${reasons.join(', ')}. If that is really meant, change "protection" in lib/stages/${name}.ts, deploy it, and ask again.`,
  )
}
