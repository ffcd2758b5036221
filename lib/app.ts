import { join } from 'node:path'
import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import packageJson from '../package.json' with { type: 'json' }
import { TaskRunnerStage } from './stacks/task-runner-stage.ts'
import { loadStage } from './stages/load-stage.ts'
import type { Environment, StageName, StageSettings } from './stages/stage-schema.ts'

export interface AppOptions {
  readonly stages: readonly StageName[]
  readonly outdir?: string
  /** Read by stage `local` only. */
  readonly env?: Environment
  /** Folder with one folder per bundle. */
  readonly bundleRoot?: string
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
  adjust = (stage) => stage,
}: AppOptions): App {
  const app = new App({
    ...(outdir === undefined ? {} : { outdir }),
    analyticsReporting: false,
    postCliContext: FEATURE_FLAGS,
  })
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  const preview = app.node.tryGetContext('preview')
  for (const name of preview === undefined ? stages : [...stages, `preview-${preview}`])
    new TaskRunnerStage(app, `TaskRunner-${name}`, {
      stage: adjust(loadStage(name, env)),
      bundleRoot,
      version: packageJson.version,
    })
  return app
}
