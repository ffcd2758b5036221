import type * as z from 'zod'
import { nearestText } from '../../functions/core/domain/nearest-name.ts'
import { dev } from './dev.ts'
import { emulated } from './emulated.ts'
import { local } from './local.ts'
import { preview } from './preview.ts'
import { prod } from './prod.ts'
import {
  type Environment,
  isPreviewName,
  PREVIEW_RULE,
  STAGE_NAMES,
  type StageInput,
  type StageSettings,
  stageSchema,
} from './stage-schema.ts'
import { staging } from './staging.ts'

const FILES: Readonly<Record<(typeof STAGE_NAMES)[number], (environment: Environment) => StageInput>> = {
  local,
  emulated: () => emulated,
  dev: () => dev,
  staging: () => staging,
  prod: () => prod,
}

/**
 * Loads and validates one stage's configuration.
 *
 * @param environment read only by `local`: a deployed stage depends only on its file.
 * @throws Error that names every wrong setting, and the nearest valid name of an unknown one.
 */
export function loadStage(name: string, environment: Environment = {}): StageSettings {
  if (name.startsWith('preview')) return loadPreview(name)
  const known = STAGE_NAMES.find((stage) => stage === name)
  if (!known)
    throw new Error(
      `There is no stage "${name}".${nearestText(name, STAGE_NAMES)} Known: ${STAGE_NAMES.join(', ')}.`,
    )
  return parseStage(known, FILES[known](environment))
}

function loadPreview(name: string): StageSettings {
  if (!isPreviewName(name))
    throw new Error(
      `"${name.replace(/^preview-?/, '')}" cannot name a preview stage. It takes ${PREVIEW_RULE}.`,
    )
  return parseStage(name, preview(name))
}

/** @throws Error, see `loadStage`. */
export function parseStage(name: string, input: unknown): StageSettings {
  const parsed = stageSchema.safeParse(input)
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.flatMap((issue) => describe(issue))
  throw new Error(
    `Stage "${name}" (lib/stages/${isPreviewName(name) ? 'preview' : name}.ts) is wrong:\n${lines.map((line) => `  ${line}`).join('\n')}`,
  )
}

function describe(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.join('.')
  if (issue.code !== 'unrecognized_keys') return [`${place}: ${issue.message}`]
  return issue.keys.map(
    (key) =>
      `${[...issue.path, key].join('.')}: there is no such setting.${nearestText(key, keysAt(issue.path))}`,
  )
}

/** The part of a schema that is read: its fields, the wrapped schema, and the schema of items. */
interface SchemaLayer {
  readonly shape?: Readonly<Record<PropertyKey, SchemaLayer>>
  readonly def?: Readonly<Partial<Record<'innerType' | 'in' | 'element' | 'valueType', SchemaLayer>>>
}

/** The settings that the schema has at a path; none where the path does not exist. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let schema = unwrapped(stageSchema as SchemaLayer)
  for (const key of path)
    schema = unwrapped(schema?.shape?.[key] ?? schema?.def?.element ?? schema?.def?.valueType)
  return Object.keys(schema?.shape ?? {})
}

function unwrapped(schema: SchemaLayer | undefined): SchemaLayer | undefined {
  const inner = schema?.def?.innerType ?? schema?.def?.in
  return inner ? unwrapped(inner) : schema
}
