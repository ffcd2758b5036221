/** Who may use the ports of a local run: programs on this machine and pages from it, never pages of other sites. */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** Origin of a request: our own page (or no page at all), a page of another local port, or one of another site. */
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
 * Any page in a browser can send requests to this machine: under a host name that resolves here, or across sites.
 * The local stage has no keys, so these are refused. Following a link is allowed, because the page with the link cannot read
 * the answer.
 *
 * @param listensAt another address than loopback at which the user asked to listen.
 * @returns why the request must not be answered; undefined when it may.
 */
export function refusalOf(request: IncomingMessage, listensAt?: string): string | undefined {
  const { headers, rawHeaders, method = 'GET' } = request
  // Node reads the first of two; a proxy may have read the other.
  if (rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length > 1)
    return 'A request names one host.'
  const host = headers.host ?? 'localhost'
  const name = host.replace(/:\d+$/, '')
  // A host name of another site can resolve to this machine; an IP address cannot.
  const isAsked = listensAt !== undefined && (name === listensAt || isIP(name.replace(/^\[|\]$/g, '')) > 0)
  if (!isAsked && !LOCAL_HOST.test(host))
    return 'The local stage answers to localhost only. HOST in .env lets it listen elsewhere.'
  const isRead = method === 'GET' || method === 'HEAD'
  const isLink =
    isRead &&
    headers.origin === undefined &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  // Browsers send the origin with every changing request of a local page.
  const isNameless = !isRead && headers.origin === undefined && pageOf(request) === 'local'
  if ((pageOf(request) === 'foreign' && !isLink) || isNameless)
    return 'The local stage answers no pages of other sites.'
  return undefined
}
