import { Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'

/** docs.aws.amazon.com/lambda, "Quotas": all variables of a function together, names included. */
export const ENVIRONMENT_BYTES = 4_096
/** The longest value of a reference: a queue's URL, an alias's ARN. */
const REFERENCE_BYTES = 140

/** The longest possible value in a deployed function. */
export function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  const parts = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join']
  return parts ? parts[1].reduce<number>((sum, part) => sum + bytesOf(part), 0) : REFERENCE_BYTES
}

/**
 * Lambda refuses a larger environment in the middle of a deployment, so a stage with too many models, callers or schedules is
 * refused at synth.
 *
 * @throws Error that names the function and its largest variables.
 */
export function checkEnvironmentSize(
  scope: Construct,
  bundle: string,
  variables: Readonly<Record<string, string>>,
): void {
  const sizes = Object.entries(variables)
    .map(([name, value]) => ({ name, bytes: name.length + bytesOf(Stack.of(scope).resolve(value)) }))
    .toSorted((left, right) => right.bytes - left.bytes)
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total <= ENVIRONMENT_BYTES) return
  const largest = sizes.slice(0, 3).map(({ name, bytes }) => `${name} ${bytes}`)
  throw new Error(
    `The environment of "${bundle}" has up to ${total} bytes, and Lambda takes ${ENVIRONMENT_BYTES}. Most of it: ${largest.join(', ')}. Shorten what the stage file says there.`,
  )
}
