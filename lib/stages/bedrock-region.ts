import type { StageSettings } from './stage-schema.ts'

/**
 * Prefix of the inference profile for a Region: most models can be called on demand only through a profile, and a plain model id
 * exists in few Regions. Source: Bedrock user guide, "Supported Regions and models for inference profiles".
 */
const PROFILES = [
  // GovCloud has no profiles, only the models themselves.
  [/^us-gov-/, ''],
  [/^us-/, 'us.'],
  [/^eu-/, 'eu.'],
  [/^ap-/, 'apac.'],
] as const

const PLACEHOLDER = '{region}.'

/**
 * Replaces `{region}.` in a stage's Bedrock models by the Region's profile.
 *
 * @param region of the deployment. Unknown at a synth without credentials: then the profile of the United States is used, which
 * is enough to view the template; a deployment synthesizes it again.
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
