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
  /** Read by stage `local` only. */
  readonly env?: Environment
  /** Folder with one folder per bundle. */
  readonly bundleRoot?: string
  /** The Region the credentials lead to, as far as the CDK's command line knows it. */
  readonly region?: string | undefined
  /** What a test wants otherwise than the stage's file says. */
  readonly adjust?: (stage: StageSettings) => StageSettings
}

/** Set here and not in cdk.json, so that a synth from the CLI and one in process give the same template. */
const FEATURE_FLAGS = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/aws-apigateway:usagePlanKeyOrderInsensitiveId': true,
  '@aws-cdk/aws-lambda:recognizeLayerVersion': true,
  '@aws-cdk/core:target-partitions': ['aws', 'aws-cn'],
  '@aws-cdk/core:enablePartitionLiterals': true,
  '@aws-cdk/core:checkSecretUsage': true,
}

/**
 * Describes the given environments, one CDK stage each, and the preview stage that the CLI asks for with
 * `--context preview=<name>`. Nothing is looked up; bundles must exist.
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
      // The CDK refuses credentials of another account, and another Region, than a stage states.
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
