import { expect, it } from 'vitest'

import { runCase } from '../../../src/suite/run-case.ts'
import { openStage } from '../../../src/suite/promises/stage.ts'
import { everythingDeclared, referenceOptions } from '../../support/reference-environment.ts'

it('no fault strikes before a worker has something in hand: it would disturb nothing', async () => {
  let deliveredBefore: number | undefined
  await runCase(
    {
      name: 'a storm over tasks that arrive late',
      async run(context) {
        const stage = await openStage(context, { workers: 1 })
        const { entries } = context.recorder
        // Later than the first fault of any storm.
        stage.perform('slow', { n: 0, ms: 50 }, { delayMs: 600 })
        const settled = await stage.settleUnder([
          {
            name: 'nothing',
            async strike() {
              deliveredBefore ??= entries.filter(({ kind }) => kind === 'delivered').length
              return { target: 'nobody', recover: () => Promise.resolve() }
            },
          },
        ])
        expect(settled.map(({ settlement }) => settlement.status)).toEqual(['succeeded'])
        await stage.finish()
      },
    },
    referenceOptions(everythingDeclared),
  )
  expect(deliveredBefore).toBe(1)
})
