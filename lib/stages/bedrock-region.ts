import type { StageSettings } from './stage-schema.ts'

/**
 * Prefix of the inference profile that serves a Region: most models can be called on demand through a profile only, and a
 * bare model id exists in few Regions. Source: Bedrock user guide, "Supported Regions and models for inference profiles".
 */
const PROFILES = [
  // GovCloud serves the models themselves.
  [/^us-gov-/, ''],
  [/^us-/, 'us.'],
  [/^eu-/, 'eu.'],
  [/^ap-/, 'apac.'],
] as const

const PLACEHOLDER = '{region}.'

/**
 * Puts the profile of a Region in the place of `{region}.` in a stage's Bedrock models.
 *
 * @param region where the stage goes. Unknown at a synth without credentials: then the profile of the United States is taken
 * the template, which is right to look at and is made again before a deployment.
 * @throws Error when the Region has no profile.
 */
export function inRegion(stage: StageSettings, region = 'us-east-1'): StageSettings {
  const { bedrockModels } = stage.models
  if (!bedrockModels.some((id) => id.startsWith(PLACEHOLDER))) return stage
  const target = stage.region ?? region
  const profile = PROFILES.find(([pattern]) => pattern.test(target))?.[1]
  if (profile === undefined)
    throw new Error(
      `Stage "${stage.name}": Bedrock has no inference profile for ${target}. Name models of that Region under models.bedrockModels, or leave the list empty.`,
    )
  return {
    ...stage,
    models: {
      ...stage.models,
      bedrockModels: bedrockModels.map((id) => id.replace(PLACEHOLDER, profile)),
    },
  }
}
