import type { Log } from '../../ports/log.ts'

// Lambda's own JSON format wraps the object with time, level and request id: a logger library would add 23 kB and
// 10 ms of import for the same line.
export const log: Log = (event, fields) => console.info({ event, ...fields })
