import { describe, expect, it } from 'vitest'
import { fleet } from '../support/fleet.ts'

describe('the host of a backend', () => {
  it.each([
    ['a.example', 'a.example', 'a.example:80'],
    ['my_service-1', 'my_service-1', 'my_service-1:80'],
    ['bücher.example', 'bücher.example', 'bücher.example:80'],
    ['10.0.0.1', '10.0.0.1', '10.0.0.1:80'],
    ['::1', '::1', '[::1]:80'],
    ['[::1]', '::1', '[::1]:80'],
    ['2001:DB8:0:0:0:0:0:A', '2001:db8::a', '[2001:db8::a]:80'],
    ['fe80::1%eth0', 'fe80::1%eth0', '[fe80::1%eth0]:80'],
  ])('may be %s', (given, host, id) => {
    expect(fleet(0).lb.add({ host: given, port: 80 })).toMatchObject({ host, id, hostname: host })
  })

  it.each([
    '',
    '  ',
    'a b',
    ' a',
    'a\n',
    'a\u0000',
    'http://a',
    'a/b',
    'a:80',
    '[a]',
    '[::1]:80',
    '[::1',
    ':::1',
    'user@a',
    'a?b',
    'a#b',
    'x'.repeat(254),
    undefined,
    null,
    5,
  ])('may not be %j', (host) => {
    const add = (): unknown => fleet(0).lb.add({ host: host as string, port: 80 })
    expect(add).toThrow(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error)
    expect(add).toThrow(/backend\.host must be/)
  })

  it('may be an address while the hostname says what it is called', () => {
    const { lb } = fleet(0)
    expect(lb.add({ host: '10.0.0.1', port: 80, hostname: 'api.internal' })).toMatchObject({
      id: '10.0.0.1:80',
      hostname: 'api.internal',
    })
    expect(() => lb.add({ host: '10.0.0.2', port: 80, hostname: 'a b' })).toThrow('backend.hostname must be')
  })

  it('is the same backend however its address is written', () => {
    const { lb } = fleet(0)
    lb.add({ host: '::1', port: 80 })
    expect(() => lb.add({ host: '[0:0:0:0:0:0:0:1]', port: 80 })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_BACKEND_DUPLICATE' }) as Error,
    )
  })

  it.each(['id', 'host', 'port', 'hostname'])('stays, and so does the rest of what it is: %s', (key) => {
    const { lb } = fleet(1)
    const update = (): unknown => lb.update('b0', { [key]: key === 'port' ? 81 : 'other' })
    expect(update).toThrow(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error)
    expect(update).toThrow(`change.${key} cannot change: remove the backend and add another`)
  })
})
