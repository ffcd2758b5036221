/** RFC 3339, the format of all times in the API; null for an event that has not happened. */
export function iso(instant: number): string
export function iso(instant: number | undefined): string | null
export function iso(instant: number | undefined): string | null {
  return instant === undefined ? null : new Date(instant).toISOString()
}
