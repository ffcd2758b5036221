import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The part of IPv6 that is given out for the internet. What is outside translates, tunnels or stays at home. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number]

/**
 * Whether an address is one of the public internet: no private, loopback, link-local, shared, metadata, multicast or
 * reserved one, and none that carries an IPv4 address inside (mapped, 6to4, Teredo, NAT64).
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST)
}

export const isLoopback = (address: string): boolean =>
  isIP(address) !== 0 && ipaddr.parse(address).range() === 'loopback'

/** Names that resolve inside a network or a machine. */
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|home\.arpa)\.?$/

/**
 * Says what is wrong with a webhook's URL before anything is resolved.
 *
 * @param allowsLoopback on a stage that runs on the caller's own machine: plain HTTP to it, and to nothing else.
 * @returns undefined for a good one.
 */
export function refusalOfUrl(text: string, allowsLoopback: boolean): string | undefined {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return 'is no URL. Send one like https://example.com/hook.'
  }
  if (url.username || url.password) return 'must not carry a user or a password.'
  // The parser has brought every spelling of an IPv4 address (hex, octal, one number) into the usual one.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isOwnMachine = host === 'localhost' || isLoopback(host)
  if (allowsLoopback && isOwnMachine && /^https?:$/.test(url.protocol)) return undefined
  if (url.protocol !== 'https:') return 'must begin with https://.'
  if (isIP(host) !== 0 ? !isPublicAddress(host) : INSIDE.test(host) || !host.includes('.'))
    return 'must lead to a public address.'
  return undefined
}
