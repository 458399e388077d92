import { expect, it } from 'vitest'
import { balancerScenarios } from '../src/balancer/scenarios.ts'
import { loadContender } from '../src/contenders/index.ts'
import { recoverScenario } from '../src/recover/recover.ts'
import { contenderOf, scenarios } from '../src/scenarios.ts'

const all = [...scenarios, ...balancerScenarios, recoverScenario]
const pairs = all.flatMap((scenario) =>
  ['ours', ...scenario.peers].map((name) => ({ scenario, name, title: `${name} in ${scenario.name}` })),
)

it.each(pairs)('has a contender behind $title, which can take its roles', async ({ scenario, name }) => {
  const contender = await loadContender(contenderOf(scenario, name))
  // The processes of a round load it again, by its own name.
  expect((await loadContender(contender.name)).tasks).toBe(contender.tasks)
  const kinds = {
    publisher: 'pubsub',
    subscriber: 'pubsub',
    requester: 'rpc',
    responder: 'rpc',
    performer: 'tasks',
    worker: 'tasks',
    idler: 'idle',
    stepper: 'steps',
  } as const
  for (const { role } of scenario.roles) expect(contender[kinds[role]]).toBeTypeOf('function')
})

it('refuses a name that nobody has', async () => {
  await expect(loadContender('nobody')).rejects.toThrow('unknown contender nobody')
})

it('asks for a ratio only of peers and limits that take part', () => {
  for (const { name, bars, peers, limits = {} } of all)
    expect([name, [...peers, ...Object.keys(limits)]]).toEqual([
      name,
      expect.arrayContaining(Object.keys(bars)),
    ])
})
