import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The IPv6 range assigned to the public internet. Other ranges translate, tunnel or are private. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number]

/**
 * Whether an address is on the public internet: not private, loopback, link-local, shared, metadata, multicast or reserved, and
 * not one that contains an IPv4 address (mapped, 6to4, Teredo, NAT64).
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST)
}

export const isLoopback = (address: string): boolean =>
  isIP(address) !== 0 && ipaddr.parse(address).range() === 'loopback'

/** Names that resolve only inside a network or a machine. */
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|home\.arpa)\.?$/

/**
 * Checks a webhook's URL without resolving its name.
 *
 * @param allowsLoopback on a local stage: allows plain HTTP to this machine, and to no other.
 * @returns why it is refused; undefined when it is allowed.
 */
export function refusalOfUrl(text: string, allowsLoopback: boolean): string | undefined {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return 'is no URL. Send one like https://example.com/hook.'
  }
  if (url.username || url.password) return 'must not carry a user or a password.'
  // The URL parser has normalised every form of an IPv4 address (hex, octal, one number).
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isOwnMachine = host === 'localhost' || isLoopback(host)
  if (allowsLoopback && isOwnMachine && /^https?:$/.test(url.protocol)) return undefined
  if (url.protocol !== 'https:') return 'must begin with https://.'
  if (isIP(host) !== 0 ? !isPublicAddress(host) : INSIDE.test(host) || !host.includes('.'))
    return 'must lead to a public address.'
  return undefined
}
