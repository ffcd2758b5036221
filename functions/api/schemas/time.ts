/** RFC 3339, as all times of the API are; null stands for what has not happened. */
export function iso(instant: number): string
export function iso(instant: number | undefined): string | null
export function iso(instant: number | undefined): string | null {
  return instant === undefined ? null : new Date(instant).toISOString()
}
