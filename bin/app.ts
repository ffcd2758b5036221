/**
 * The CDK's entry: `cdk synth`, `cdk deploy 'TaskRunner-dev/*'`. Needs no account. It contains only stages that may be
 * deployed: `cdk deploy '**'` must not put an API without keys on the internet.
 */
import { buildApp } from '../lib/app.ts'
import { bundleFunctions } from '../lib/bundle.ts'
import { DEPLOYABLE } from '../lib/stages/stage-schema.ts'

await bundleFunctions()
buildApp({ stages: DEPLOYABLE, env: {}, region: process.env.CDK_DEFAULT_REGION }).synth()
