/** W3C Trace Context, version 00: `00-<trace id>-<span id>-<flags>`. Source: www.w3.org/TR/trace-context */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** @returns the header in the form of version 00; undefined for an invalid one, which is ignored. */
export function parseTrace(header: string | undefined): string | undefined {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(header?.trim() ?? '') ?? []
  if (!traceId || !spanId || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return `00-${traceId}-${spanId}-${flags}`
}

/** The trace id in all log lines of a task and of its caller; undefined for rows of earlier versions. */
export const traceIdOf = ({ trace }: { readonly trace?: string }): string | undefined => trace?.slice(3, 35)

/** The same trace with another span id, for a call made by the task. */
export const childTrace = (trace: string, spanId: string): string =>
  `${trace.slice(0, 36)}${spanId}${trace.slice(52)}`
