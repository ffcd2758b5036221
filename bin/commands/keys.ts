import { Option } from 'commander'
import { SCOPES } from '../../functions/contract.ts'
import type { Json } from '../../lib/client/types.ts'
import { type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { addValue, parseSeconds, parseWholeNumber } from '../cli/values.ts'

type NewKey = Json<'createKey'>
type Key = Omit<NewKey, 'key'>

export const addKeys: AddCommand = (program) => {
  const keys = program
    .command('keys')
    .description('list the keys of a tenant; create, rotate and revoke them')
    .option('--tenant <name>', 'another tenant than your own; only for operators')
    .action(async ({ tenant }: { readonly tenant?: string }, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('listKeys', { query: { tenant } })
      session.show(answer, () => keyTable(answer.keys, session.paint))
    })
  keys
    .command('create')
    .description('create a key; it is shown only once')
    .argument('<name>', 'who or what uses it')
    .addOption(
      new Option('-s, --scope <scope>', 'may be repeated')
        .choices(SCOPES)
        .argParser(addValue)
        .makeOptionMandatory(),
    )
    .option('--tenant <name>', 'tenant of the key; by default your own')
    .option('--expires-in-days <n>', 'by default it does not expire', parseWholeNumber)
    .action(async (name: string, _options: object, command) => {
      const session = await openSession(command)
      const { scope, tenant, expiresInDays } = command.optsWithGlobals()
      const made = await session.api.json('createKey', {
        body: {
          name,
          scopes: scope,
          ...(tenant ? { tenant } : {}),
          ...(expiresInDays === undefined ? {} : { expires_in_days: expiresInDays }),
        },
      })
      session.show(made, () => shown(made))
    })
  keys
    .command('rotate')
    .description('create another key with the same name, tenant and scopes; both work during the overlap')
    .argument('<id>', 'id in the output of `keys`')
    .option('--overlap <span>', 'how long the old key still works', parseSeconds, 86_400)
    .action(async (id: string, { overlap }: { readonly overlap: number }, command) => {
      const session = await openSession(command)
      const made = await session.api.json('rotateKey', {
        params: { id },
        body: { overlap_seconds: Math.round(overlap) },
      })
      session.show(made, () => shown(made))
    })
  keys
    .command('revoke')
    .description('revoke a key; it is refused within half a minute')
    .argument('<id>', 'id in the output of `keys`')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      await session.api.call('revokeKey', { params: { id } })
      session.show({ id, revoked: true }, () => `${id} is revoked.`)
    })
}

const shown = ({ key, tenant, scopes }: NewKey): string =>
  `${key}\nShown this once. Tenant ${tenant}, may: ${scopes.join(', ')}.`

const stateOf = ({ revoked_at, expires_at }: Key, paint: Paint): string => {
  if (revoked_at) return paint('red', 'revoked')
  if (expires_at && Date.parse(expires_at) <= Date.now()) return paint('yellow', 'expired')
  return expires_at ? `until ${expires_at}` : 'works'
}

export const keyTable = (keys: readonly Key[], paint: Paint): string =>
  keys.length === 0
    ? 'No keys.'
    : table(
        ['ID', 'NAME', 'TENANT', 'SCOPES', 'STATE', 'LAST USED'],
        keys.map((key) => [
          key.id,
          key.name,
          key.tenant,
          key.scopes.join(' '),
          stateOf(key, paint),
          key.last_used_at ?? '-',
        ]),
        { paint },
      )
