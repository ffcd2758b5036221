/** Seconds since 1970 at which a row that ends now stops to exist. */
export const ttlAfter = (now: number, retentionDays: number): number =>
  Math.floor(now / 1_000) + retentionDays * 86_400
