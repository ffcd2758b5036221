import { join } from 'node:path'
import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import packageJson from '../package.json' with { type: 'json' }
import { TaskRunnerStage } from './stacks/task-runner-stage.ts'
import { inRegion } from './stages/bedrock-region.ts'
import { loadStage } from './stages/load-stage.ts'
import type { Environment, StageName, StageSettings } from './stages/stage-schema.ts'

export interface AppOptions {
  readonly stages: readonly StageName[]
  readonly outdir?: string
  /** Read only by stage `local`. */
  readonly env?: Environment
  /** Folder with one folder per bundle. */
  readonly bundleRoot?: string
  /** The Region of the credentials, if the CDK CLI knows it. */
  readonly region?: string | undefined
  /** Lets a test change settings of a stage. */
  readonly adjust?: (stage: StageSettings) => StageSettings
}

/** Set here and not in cdk.json, so that the CLI and a test synthesize the same template. */
const FEATURE_FLAGS = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/aws-apigateway:usagePlanKeyOrderInsensitiveId': true,
  '@aws-cdk/aws-lambda:recognizeLayerVersion': true,
  '@aws-cdk/core:target-partitions': ['aws', 'aws-cn'],
  '@aws-cdk/core:enablePartitionLiterals': true,
  '@aws-cdk/core:checkSecretUsage': true,
}

/**
 * Creates one CDK stage per environment, and the preview stage that the CLI requests with
 * `--context preview=<name>`. Makes no lookups in an account; bundles must exist.
 */
export function buildApp({
  stages,
  outdir,
  env,
  bundleRoot = join(import.meta.dirname, '../.build'),
  region,
  adjust = (stage) => stage,
}: AppOptions): App {
  const app = new App({
    ...(outdir === undefined ? {} : { outdir }),
    analyticsReporting: false,
    postCliContext: FEATURE_FLAGS,
  })
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  const preview = app.node.tryGetContext('preview')
  const asked = [
    ...(preview === undefined ? [] : [`preview-${preview}`]),
    ...(app.node.tryGetContext('emulated') === undefined ? [] : ['emulated']),
  ]
  for (const name of [...stages, ...asked]) {
    const stage = inRegion(adjust(loadStage(name, env)), region)
    new TaskRunnerStage(app, `TaskRunner-${name}`, {
      stage,
      // With these, the CDK refuses credentials of another account or Region than the stage's.
      ...(stage.account || stage.region
        ? {
            env: {
              ...(stage.account ? { account: stage.account } : {}),
              ...(stage.region ? { region: stage.region } : {}),
            },
          }
        : {}),
      bundleRoot,
      version: packageJson.version,
    })
  }
  return app
}
