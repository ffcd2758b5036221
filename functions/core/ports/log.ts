/**
 * Writes one structured line. Field values are ids, names, counts and codes: never a prompt, a result or a key.
 */
export type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void
