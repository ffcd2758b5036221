/** The CDK's entry: `cdk synth`, `cdk deploy 'TaskRunner-dev/*'`. Every stage is described; none needs an account. */
import { buildApp } from '../lib/app.ts'
import { bundleFunctions } from '../lib/bundle.ts'
import { STAGE_NAMES } from '../lib/stages/stage-schema.ts'

await bundleFunctions()
buildApp({ stages: STAGE_NAMES, env: {} }).synth()
