/**
 * Classifies failed calls to AWS, in one table for all clients: whether to try again, and whether an operator must act. Names and
 * status codes are from the services' API references; an unlisted error is classified by its status.
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
  // A missing permission, a resource that does not exist, an invalid key or invalid credentials.
  misconfigured:
    /AccessDenied|AccessControl|Forbidden|NotAuthorized|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|InvalidClientTokenId|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature|CredentialsProviderError|ResourceNotFound|QueueDoesNotExist|NonExistentQueue|NoSuchBucket|PermanentRedirect|AuthorizationHeaderMalformed|InvalidAddress|InvalidKeyId|^KMS|^Kms|OptInRequired|UnsupportedOperation|EndpointError/,
  refused:
    /ValidationException|ValidationError|SerializationException|ItemCollectionSizeLimitExceeded|InvalidMessageContents|InvalidAttribute|InvalidParameter|MissingParameter|EntityTooLarge|TooLong|TooBig|InvalidBatchEntryId/,
}

/** Temporary refusals: throttling, a change in progress, credentials that the next call renews. */
const TEMPORARY_ERRORS =
  /Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|OverLimit|SlowDown|LimitExceeded|ResourceInUse|ResourceConflict|TransactionConflict|TransactionInProgress|ReplicatedWriteConflict|RequestTimeout|ExpiredToken|RequestExpired|RequestTimeTooSkewed|PriorRequestNotComplete|InternalServerError|ServiceUnavailable|InternalError/

/** Messages of the document client about an invalid value, before anything is sent; the errors have no name of their own. */
const UNWRITABLE =
  /Special numeric value|Number\.(MAX|MIN)_SAFE_INTEGER|Unsupported type passed|removeUndefinedValues|convertClassInstanceToMap|convertEmptyValues|Only finite numbers|empty set/i

/** Names of errors that no service sent: the answer was unreadable, e.g. a proxy's page or a partial document. */
const UNREADABLE = /^(Error|SyntaxError|TypeError)$/

function kindOf(cause: unknown): Kind {
  if (!(cause instanceof Error)) return 'unavailable'
  const { name } = cause
  if (KINDS.missing.test(name)) return 'missing'
  if (TEMPORARY_ERRORS.test(name)) return 'unavailable'
  if (KINDS.misconfigured.test(name)) return 'misconfigured'
  if (KINDS.refused.test(name)) return 'refused'
  const status = (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  if (status === undefined) return UNWRITABLE.test(cause.message) ? 'refused' : 'unavailable'
  if (status === 401 || status === 403) return 'misconfigured'
  if (UNREADABLE.test(name)) return 'unavailable'
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'refused' : 'unavailable'
}

export interface AttemptedCall {
  /** The called service, e.g. `The table`. */
  readonly service: string
  /** Name of the operation, e.g. `complete`. */
  readonly what: string
  /** The values to be written, by field: a refused value is reported with its field. */
  readonly written?: Readonly<Record<string, unknown>>
  /** A read of one object: without the permission to list, S3 answers 403 for a missing object. */
  readonly isObjectRead?: boolean
}

/** @returns the port's error for a failed call; an error of the product is returned unchanged. */
export function toPortError(cause: unknown, { service, what, written, isObjectRead }: AttemptedCall): Error {
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

/** A tenant that revokes its KMS key has deleted the objects encrypted with it. */
const isOutOfReach = (cause: unknown): boolean =>
  /^KMS/i.test((cause as Error).name) ||
  (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 403

/** The first field with a value that no row can hold; else the largest field. */
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
export async function callAws<Answer>(
  attempted: AttemptedCall,
  call: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call()
  } catch (cause) {
    throw toPortError(cause, attempted)
  }
}
