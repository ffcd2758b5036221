/** W3C Trace Context, version 00: `00-<trace id>-<span id>-<flags>`. Source: www.w3.org/TR/trace-context */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** @returns a `traceparent` header in the form of version 00, or undefined when it is not one: it is then ignored. */
export function parseTrace(header: string | undefined): string | undefined {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(header?.trim() ?? '') ?? []
  if (!traceId || !spanId || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return `00-${traceId}-${spanId}-${flags}`
}

/** What all log lines of a task share with its caller's; undefined for rows from before there were traces. */
export const traceIdOf = ({ trace }: { readonly trace?: string }): string | undefined => trace?.slice(3, 35)

/** The same trace, for a call that is made within it. */
export const childTrace = (trace: string, spanId: string): string =>
  `${trace.slice(0, 36)}${spanId}${trace.slice(52)}`
