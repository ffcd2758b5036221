const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'this process may open no more files (ulimit -n)',
  ENFILE: 'this machine may open no more files',
  ENOSPC: 'the disk is full',
  EAGAIN: 'this machine may start no more processes',
  ENOMEM: 'this machine has no more memory',
}

/**
 * A readable message of an error. For a process without free file descriptors, Node's own message is
 * "connect EMFILE 127.0.0.1:4566 - Local (undefined:undefined)".
 */
export function toReadableMessage(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const { code = '' } = cause as NodeJS.ErrnoException
  const [, named = code] = /\b(EMFILE|ENFILE|ENOSPC)\b/.exec(cause.message) ?? []
  return SHORTAGES[named] ?? cause.message
}
