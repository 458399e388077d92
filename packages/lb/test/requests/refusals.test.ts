import { describe, expect, it } from 'vitest'
import type { BackendOptions, BalancerOptions, LbRequest } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

/** The error of a request that nobody takes, by `route` and by `pick` alike. */
async function refusalOf(
  count: number,
  request: LbRequest,
  given: {
    options?: BalancerOptions
    each?: (index: number) => Partial<BackendOptions>
    down?: string[]
  } = {},
): Promise<{ code: string; message: string; detail: unknown; retryable: boolean }> {
  const { lb, clock } = fleet(
    count,
    {
      panicThreshold: 0,
      healthCheck: { probe: ({ id }) => !given.down?.includes(id), unhealthyThreshold: 1 },
      ...given.options,
    },
    given.each,
  )
  for (const backend of lb.backends) await lb.checkHealth(backend.id)
  const routed = lb.route(request, () => 1).catch((error: unknown) => error)
  let picked: unknown
  try {
    lb.pick(request)
  } catch (error) {
    picked = error
  }
  await clock.pass(0)
  expect(picked).toEqual(await routed)
  return picked as Awaited<ReturnType<typeof refusalOf>>
}

describe('a refusal says', () => {
  it('that there are no backends', async () => {
    expect(await refusalOf(0, {})).toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message: 'the request finds no backend: there are none, add one',
      retryable: true,
    })
  })

  it('that none can do what is required', async () => {
    expect(await refusalOf(3, { id: 'r1', requires: ['gpu', 'fast'] })).toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message: 'request r1 finds no backend: none of 3 suits it (it requires gpu, fast)',
      detail: { backends: 3, suitable: 0, requires: ['gpu', 'fast'] },
    })
  })

  it('that those which could are not up', async () => {
    const each = (i: number): Partial<BackendOptions> => ({ capabilities: i < 2 ? ['gpu'] : [] })
    expect(await refusalOf(3, { requires: ['gpu'] }, { each, down: ['b0', 'b1'] })).toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message:
        'the request finds no backend: of 3 there are 2 that suit it (it requires gpu), and none of these is up',
      detail: { backends: 3, suitable: 2 },
    })
  })

  it('that all breakers are open', async () => {
    const { lb } = fleet(2, { breaker: { failureThreshold: 1 } })
    for (let index = 0; index < 2; index++) lb.pick().done('failed')
    await expect(lb.route({ id: 'r2' }, () => 1)).rejects.toMatchObject({
      code: 'ERR_AETHER_BREAKER_OPEN',
      message: 'request r2 finds the breakers of all 2 backends open: wait until they are probed',
      retryable: true,
    })
    expect(lb.getLoadDistribution().unavailable).toBe(1)
  })
})
