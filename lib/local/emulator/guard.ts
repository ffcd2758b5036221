/** Who may use the ports of a local run: programs of this machine and pages that it serves, never a page from elsewhere. */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** Whose page sent it: our own (or no page at all), one of this machine's other ports, or one from elsewhere. */
export function pageOf({ headers }: IncomingMessage): 'own' | 'local' | 'foreign' {
  const { origin, host, 'sec-fetch-site': site } = headers
  if (origin !== undefined) {
    const from = /^https?:\/\/(.+)$/.exec(origin)?.[1] ?? ''
    if (from === host) return 'own'
    return LOCAL_HOST.test(from) ? 'local' : 'foreign'
  }
  if (site === undefined || site === 'same-origin' || site === 'none') return 'own'
  return site === 'same-site' ? 'local' : 'foreign'
}

/**
 * Any page in a browser may send requests to this machine: under a name of its own that it points here, or across sites.
 * The local stage has no keys, so these are refused. A link that somebody follows is none of these: the page it stands on
 * learns nothing.
 *
 * @param listensAt where else than on loopback somebody asked it to listen.
 * @returns why, for a request that must not be answered.
 */
export function refusalOf(request: IncomingMessage, listensAt?: string): string | undefined {
  const { headers, rawHeaders, method = 'GET' } = request
  // Node reads the first of two; who stands between may have read the other.
  if (rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length > 1)
    return 'A request names one host.'
  const host = headers.host ?? 'localhost'
  const name = host.replace(/:\d+$/, '')
  // A name of another site may be made to lead here; an address cannot.
  const isAsked = listensAt !== undefined && (name === listensAt || isIP(name.replace(/^\[|\]$/g, '')) > 0)
  if (!isAsked && !LOCAL_HOST.test(host))
    return 'The local stage answers to localhost only. HOST in .env lets it listen elsewhere.'
  const isRead = method === 'GET' || method === 'HEAD'
  const isLink =
    isRead &&
    headers.origin === undefined &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  // A browser names the origin with every order of a page of this machine.
  const isNameless = !isRead && headers.origin === undefined && pageOf(request) === 'local'
  if ((pageOf(request) === 'foreign' && !isLink) || isNameless)
    return 'The local stage answers no pages of other sites.'
  return undefined
}
