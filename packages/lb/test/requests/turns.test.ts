import { describe, expect, it } from 'vitest'
import type { LbRequest, Picking, Strategy, StrategyView } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

describe('whose turn it is', () => {
  it('is not decided for others by one who may go to fewer backends', async () => {
    const { lb } = fleet(2, {}, () => ({ maxConnections: 1 }))
    const leases = [lb.pick(), lb.pick()]
    const [kept, freed] = leases
    const done: string[] = []
    const send = (id: string, request: LbRequest): void => void lb.route(request, () => done.push(id))
    send('picky', { exclude: [freed!.backend] })
    send('any', {})
    freed!.done()
    await settle()
    expect(done).toEqual(['any'])
    kept!.done()
    await settle()
    expect(done).toEqual(['any', 'picky'])
  })

  it('is nobody’s who left in the very moment in which it is decided', async () => {
    let onPick = (): void => {}
    class Mine implements Strategy {
      readonly name = 'mine'
      private view: StrategyView | undefined
      update(view: StrategyView): void {
        this.view = view
      }
      pick(picking: Picking) {
        onPick()
        return this.view?.eligible.find((backend) => picking.accepts(backend))
      }
    }
    const { lb } = fleet(2, { algorithm: () => new Mine() }, (i) => ({
      maxConnections: 1,
      capabilities: i === 0 ? ['gpu'] : [],
    }))
    const [gpu, plain] = [lb.pick({ requires: ['gpu'] }), lb.pick()]
    const done: string[] = []
    const stop = new AbortController()
    const send = (id: string, request: LbRequest): void => {
      lb.route(request, () => done.push(id)).catch(() => {})
    }
    send('needs gpu', { requires: ['gpu'] })
    send('leaves', { signal: stop.signal })
    send('stays', {})
    onPick = () => stop.abort()
    plain.done()
    await settle()
    expect(done).toEqual(['stays'])
    gpu.done()
    await settle()
    expect(done).toEqual(['stays', 'needs gpu'])
  })
})
