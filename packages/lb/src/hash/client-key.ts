/**
 * The key under which one client is counted: an IPv4 address as it is (also when written as `::ffff:1.2.3.4`), an IPv6 address by its /64, since one
 * client owns all of that. What is no address is its own key.
 */
export function clientKey(address: string): string {
  const colon = address.indexOf(':')
  if (colon < 0) return address
  const zone = address.indexOf('%')
  const bare = zone < 0 ? address : address.slice(0, zone)
  const dot = bare.lastIndexOf('.')
  if (dot >= 0) return mappedIpv4(bare)
  const gap = bare.indexOf('::')
  const head = splitGroups(gap < 0 ? bare : bare.slice(0, gap))
  const tail = gap < 0 ? [] : splitGroups(bare.slice(gap + 2))
  const missing = 8 - head.length - tail.length
  if (gap < 0 ? missing !== 0 : missing < 1) return address
  const groups = [...head, ...new Array<string>(Math.max(0, missing)).fill('0'), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return address
  const numbers = groups.map((group) => Number.parseInt(group, 16))
  if (numbers.slice(0, 5).every((group) => group === 0) && numbers[5] === 0xffff) return dotted(numbers)
  return `${numbers
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

function splitGroups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}

function mappedIpv4(address: string): string {
  const last = address.slice(address.lastIndexOf(':') + 1)
  return /^::(ffff:)?$/i.test(address.slice(0, address.length - last.length)) ? last : address
}

function dotted(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
