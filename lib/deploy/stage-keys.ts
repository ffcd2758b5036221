import { randomBytes } from 'node:crypto'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { ParameterAlreadyExists, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { KEY_PEPPER } from '../../functions/contract.ts'
import { parameterPrefix } from '../constructs/grant-access.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { type InvokeKeys, makeAdminKey } from './admin-key.ts'
import { outputsOf } from './stage-outputs.ts'

const place = ({ region }: StageSettings) => (region ? { region } : {})

/**
 * Creates the pepper for hashes of the stage's API keys, if there is none: a template cannot contain a secure parameter,
 * and nobody needs to know its value. It must exist before the first request.
 */
export async function prepareKeys(stage: StageSettings): Promise<void> {
  const client = new SSMClient(place(stage))
  const put = new PutParameterCommand({
    Name: `${parameterPrefix(stage)}${KEY_PEPPER}`,
    Type: 'SecureString',
    Value: randomBytes(32).toString('base64url'),
    Description: 'Hashes of API keys are made with it: without it no key works',
    Overwrite: false,
  })
  await client.send(put).catch((cause: unknown) => {
    if (!(cause instanceof ParameterAlreadyExists)) throw cause
  })
  client.destroy()
}

/** Opens calls to the stage's function of keys. @throws Error when the stage has none. */
export async function openInvoke(stage: StageSettings): Promise<{ invoke: InvokeKeys; close: () => void }> {
  const { KeysFunction: functionName } = await outputsOf(stage)
  if (!functionName) throw new Error(`Stage "${stage.name}" has no output KeysFunction. Deploy it again.`)
  const lambda = new LambdaClient(place(stage))
  return {
    invoke: async (event) => {
      const { Payload } = await lambda.send(
        new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(event) }),
      )
      return JSON.parse(Buffer.from(Payload ?? []).toString('utf8') || '{}') as unknown
    },
    close: () => lambda.destroy(),
  }
}

/**
 * Creates an administrator's key for a stage without one. It is in no template, parameter or log: only the operator who asks
 * sees it.
 *
 * @param isWanted create one in any case, because the first was lost.
 * @returns undefined when there is one.
 */
export async function createFirstAdminKey(
  stage: StageSettings,
  isWanted = false,
): Promise<string | undefined> {
  const { invoke, close } = await openInvoke(stage)
  try {
    return (await makeAdminKey(invoke, Date.now(), isWanted))?.key
  } finally {
    close()
  }
}
