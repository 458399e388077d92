import ipaddr from 'ipaddr.js'
import { boundedKey } from './bounded-key.ts'

/**
 * The key under which one client is counted: an IPv4 address as it is (also when written as `::ffff:1.2.3.4`), an IPv6 address by its /64, since one
 * client owns all of that. What is no address is its own key.
 */
export function clientKey(address: string): string {
  // Without a colon it is no IPv6 address: nothing to parse in what most requests bring.
  if (!address.includes(':')) return boundedKey(address)
  const parsed = parseIpv6(address)
  if (parsed === undefined) return boundedKey(address)
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString()
  const [first = 0, second = 0, third = 0, fourth = 0] = parsed.parts
  return `${first.toString(16)}:${second.toString(16)}:${third.toString(16)}:${fourth.toString(16)}::/64`
}

function parseIpv6(address: string): ipaddr.IPv6 | undefined {
  try {
    return ipaddr.IPv6.parse(address)
  } catch {
    // No address, then: whoever sends it is counted by what was sent.
    return undefined
  }
}
