/**
 * What a failed call to AWS means, one table for all clients: whether to try again, and whom to tell. Names and status
 * codes are those of the services' API references; an error nobody lists here is judged by its status.
 */
import {
  MisconfiguredError,
  MissingError,
  RefusedValueError,
  TaskRunnerError,
  UnavailableError,
} from '../../domain/errors.ts'

type Kind = 'unavailable' | 'missing' | 'misconfigured' | 'refused'

const KINDS: Readonly<Record<Exclude<Kind, 'unavailable'>, RegExp>> = {
  missing: /^(NoSuchKey|NotFound|NoSuchVersion)$/,
  // A right that is refused, a resource that does not exist, a key or credentials that are not valid.
  misconfigured:
    /AccessDenied|AccessControl|Forbidden|NotAuthorized|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|InvalidClientTokenId|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature|CredentialsProviderError|ResourceNotFound|QueueDoesNotExist|NonExistentQueue|NoSuchBucket|PermanentRedirect|AuthorizationHeaderMalformed|InvalidAddress|InvalidKeyId|^KMS|^Kms|OptInRequired|UnsupportedOperation|EndpointError/,
  refused:
    /ValidationException|ValidationError|SerializationException|ItemCollectionSizeLimitExceeded|InvalidMessageContents|InvalidAttribute|InvalidParameter|MissingParameter|EntityTooLarge|TooLong|TooBig|InvalidBatchEntryId/,
}

/** Refusals that pass: throttling in every spelling, a change still under way, credentials renewed by the next call. */
const PASSES =
  /Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|OverLimit|SlowDown|LimitExceeded|ResourceInUse|ResourceConflict|TransactionConflict|TransactionInProgress|ReplicatedWriteConflict|RequestTimeout|ExpiredToken|RequestExpired|RequestTimeTooSkewed|PriorRequestNotComplete|InternalServerError|ServiceUnavailable|InternalError/

/** What the document client says of a value before anything is sent; these are plain errors without a name of their own. */
const UNWRITABLE =
  /Special numeric value|Number\.(MAX|MIN)_SAFE_INTEGER|Unsupported type passed|removeUndefinedValues|convertClassInstanceToMap|convertEmptyValues|Only finite numbers|empty set/i

/** Names of errors that no service gave: its answer could not be read, a proxy's page or half a document. */
const UNREADABLE = /^(Error|SyntaxError|TypeError)$/

function kindOf(cause: unknown): Kind {
  if (!(cause instanceof Error)) return 'unavailable'
  const { name } = cause
  if (KINDS.missing.test(name)) return 'missing'
  if (PASSES.test(name)) return 'unavailable'
  if (KINDS.misconfigured.test(name)) return 'misconfigured'
  if (KINDS.refused.test(name)) return 'refused'
  const status = (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  if (status === undefined) return UNWRITABLE.test(cause.message) ? 'refused' : 'unavailable'
  if (status === 401 || status === 403) return 'misconfigured'
  if (UNREADABLE.test(name)) return 'unavailable'
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'refused' : 'unavailable'
}

export interface Attempted {
  /** What was asked, e.g. `The table`. */
  readonly service: string
  /** The operation, e.g. `complete`. */
  readonly what: string
  /** What was to be written, by the field's name: a refused value is named by its field. */
  readonly written?: Readonly<Record<string, unknown>>
  /** A read of one object: without the right to list, S3 answers 403 for one that is not there. */
  readonly isObjectRead?: boolean
}

/** @returns the port's error for a failed call; one that is ours already stays as it is. */
export function toPortError(cause: unknown, { service, what, written, isObjectRead }: Attempted): Error {
  if (cause instanceof TaskRunnerError) return cause
  const name = cause instanceof Error ? cause.name : 'unknown'
  const kind = kindOf(cause)
  if (kind === 'missing' || (isObjectRead && kind === 'misconfigured' && isOutOfReach(cause)))
    return new MissingError(
      kind === 'missing'
        ? `${service} does not have it (${what}).`
        : `${service} does not have it, or this function may not read it (${what}: ${name}).`,
      { cause },
    )
  if (kind === 'misconfigured')
    return new MisconfiguredError(`${service} refuses this function (${what}: ${name}).`, { cause })
  if (kind === 'refused') {
    const field = written && fieldAtFault(written)
    return new RefusedValueError(
      `${service} refuses what was to be written (${what}: ${name}${field ? `, field "${field}"` : ''}).`,
      field,
      { cause },
    )
  }
  return new UnavailableError(`${service} did not answer (${what}).`, { cause })
}

/** A tenant that takes its key of KMS away has deleted what is under it. */
const isOutOfReach = (cause: unknown): boolean =>
  /^KMS/i.test((cause as Error).name) ||
  (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 403

/** The first field with a value that no row can hold; the largest one where each could stand alone. */
function fieldAtFault(written: Readonly<Record<string, unknown>>): string | undefined {
  const fields = Object.entries(written)
  const unwritable = fields.find(([, value]) => isUnwritable(value))
  if (unwritable) return unwritable[0]
  const sized = fields.map(([field, value]) => [field, JSON.stringify(value)?.length ?? 0] as const)
  return sized.sort(([, left], [, right]) => right - left)[0]?.[0]
}

function isUnwritable(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value === 'function' || typeof value === 'symbol' || value instanceof Date) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(isUnwritable)
}

/** Runs one call to AWS. @throws the port's error. */
export async function callAws<Answer>(attempted: Attempted, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (cause) {
    throw toPortError(cause, attempted)
  }
}
