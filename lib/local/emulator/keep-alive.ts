/**
 * How long a server keeps an idle connection. Node's 5 s are shorter than the pauses of most clients, and on a busy machine its
 * timer may fire before a request that has arrived is read: the connection is reset, and the request is lost.
 */
export const KEEP_ALIVE_MS = 75_000
