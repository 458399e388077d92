import { expect, it } from 'vitest'
import { checkAffinity } from '../../src/affinity/affinity-options.ts'
import { BackendCookies } from '../../src/affinity/backend-cookies.ts'
import type { Endpoint } from '../../src/backends/endpoint.ts'

const secrets = ['the newer secret of two', 'the older secret of two']
// All that cookies look at of a backend is its id.
const backend = (id: string): Endpoint => ({ id }) as Endpoint

it('forgets a backend that is gone under all secrets, and gives no cookie for it', () => {
  const cookies = new BackendCookies(checkAffinity({ by: 'cookie', secret: secrets }))
  const old = new BackendCookies(checkAffinity({ by: 'cookie', secret: secrets[1]! }))
  const one = backend('one')
  for (const each of [cookies, old]) each.add(one)
  const [current, older] = [cookies, old].map((each) => each.headerOf(one)!.split(';')[0]!)
  expect([cookies.find(current!), cookies.find(older!)]).toEqual([one, one])
  expect([cookies.isCurrent(current!, one), cookies.isCurrent(older!, one)]).toEqual([true, false])
  cookies.remove(one)
  expect([cookies.find(current!), cookies.find(older!), cookies.headerOf(one)]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})
