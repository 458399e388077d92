import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientKey } from '../../src/hash/client-key.ts'

describe('client keys', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2::/64'],
    ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7'],
    ['12345::1', '12345::1'],
    ['', ''],
    ['not:an:address', 'not:an:address'],
    ['a::b::c', 'a::b::c'],
  ])('%s counts as %s', (address, key) => expect(clientKey(address)).toBe(key))

  it('throws for nothing, whatever it is given', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof clientKey(text) === 'string'))
    fc.assert(fc.property(fc.ipV6(), (address) => clientKey(address).length > 0))
  })

  it('tells two IPv6 clients apart exactly by their first four groups', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(groups, groups, fc.boolean(), (one, other, sharesNetwork) => {
        const second = sharesNetwork ? [...one.slice(0, 4), ...other.slice(4)] : other
        const [first, last] = [one, second].map((each) => each.map((group) => group.toString(16)).join(':'))
        const isSame = one.slice(0, 4).every((group, index) => group === second[index])
        fc.pre(!isMapped(one) && !isMapped(second))
        expect(clientKey(first!) === clientKey(last!)).toBe(isSame)
      }),
    )
  })

  it('keeps nothing long', () => {
    fc.assert(fc.property(fc.string({ maxLength: 4_000 }), (text) => clientKey(text).length <= 128))
    expect(clientKey('a'.repeat(1_000))).not.toBe(clientKey('a'.repeat(1_001)))
  })
})

function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
}
