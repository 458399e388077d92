import { isIPv6, SocketAddress } from 'node:net'
import { checkText, show } from '../check-options.ts'
import { invalidOption } from '../errors.ts'

/** What stands in no name and no address, but in URLs and mistakes. */
const foreign = /[\s\p{Cc}/\\?#@:%[\]]/u
const longestName = 253

/** A name, or an address; IPv6 with or without brackets, and in its shortest form from now on. */
export function checkHost(value: unknown, path: string): string {
  const text = checkText(value, path)
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  // A zone (`fe80::1%eth0`) is not for the one who knows the short form, so that stays as it is.
  if (isIPv6(bare))
    return bare.includes('%') ? bare : new SocketAddress({ address: bare, family: 'ipv6' }).address
  if (foreign.test(text) || text.length > longestName)
    throw invalidOption(`${path} must be a host name or an address, and nothing else, not ${show(value)}`)
  return text
}

/** As it stands in URLs and `Host` headers. */
export function authorityOf(host: string, port?: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === undefined ? name : `${name}:${port}`
}
