import type { Affinity } from '../affinity/affinity.ts'
import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Selector } from '../selection/selector.ts'
import type { HeldLease } from './lease.ts'
import type { LbRequest } from './request.ts'

/** Where requests go: by affinity, otherwise by the algorithm; and what becomes of their sessions. */
export class Placement {
  /** Where the session of the request that was placed last leads, if it is to stay there. */
  private home: Endpoint | undefined = undefined
  private readonly selector: Selector
  private readonly affinity: Affinity | undefined

  constructor(selector: Selector, affinity: Affinity | undefined) {
    this.selector = selector
    this.affinity = affinity
  }

  /** `undefined` where nobody takes it now; throws what an algorithm of the user throws. */
  place(request: LbRequest, tried: readonly Backend[], now: number): Endpoint | undefined {
    if (this.affinity !== undefined && this.leadsHome(this.affinity, request, tried, now)) return this.home
    return this.selector.choose(request, tried, now)
  }

  /** For a second attempt beside one that is under way. */
  placeHedge(request: LbRequest, tried: readonly Backend[], now: number): Endpoint | undefined {
    try {
      return this.selector.choose(request, tried, now)
    } catch {
      // The first attempt goes on; whatever is wrong shows with the next request, which has nothing else.
      return undefined
    }
  }

  /** Remembers where a request went that was placed just now; whether its session is new there. */
  bind(lease: HeldLease, request: LbRequest, now: number): boolean {
    const { affinity, home } = this
    if (affinity === undefined) return false
    lease.setCookie =
      home === undefined ? affinity.bind(request, lease.endpoint, now) : affinity.renew(request, home)
    return home === undefined
  }

  /** Moves a session to where its first answer came from. */
  move(lease: HeldLease, request: LbRequest, now: number): void {
    lease.setCookie = this.affinity?.bind(request, lease.endpoint, now)
  }

  /** Whether the session's backend takes the request. Where that is only busy, the request goes elsewhere and the session stays. */
  private leadsHome(affinity: Affinity, request: LbRequest, tried: readonly Backend[], now: number): boolean {
    const { selector } = this
    this.home = undefined
    const home = affinity.by === 'hash' ? this.byHash(request, tried) : affinity.find(request, now)
    if (home === undefined) return false
    const isFree = selector.takes(home, request, tried)
    if (isFree) selector.rememberSticky(request, home, now)
    if (isFree || (home.isUp && !home.isRemoved && !tried.includes(home))) this.home = home
    return isFree
  }

  private byHash(request: LbRequest, tried: readonly Backend[]): Endpoint | undefined {
    return request.key === undefined ? undefined : this.selector.chooseByHash(request, tried)
  }
}
