import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { hashText } from '../hash/hash-text.ts'
import type { Dice } from '../random.ts'
import type { LbRequest } from '../requests/request.ts'
import type { Scratch } from '../strategies/scratch.ts'
import type { Exclusion, PickTrace } from './pick-trace.ts'

const none: readonly Backend[] = []
const usualWorkload = 'classical_compute'

/** The one `Picking` of a balancer, filled anew for each pick. */
export class PickingState implements Scratch {
  hash = 0
  workload: string = usualWorkload
  poolActive = 0
  /** -1 until someone asks. */
  time = -1
  score = 0
  perWeight = 0
  private request: LbRequest = {}
  private tried: readonly Backend[] = none
  private exclude: readonly Backend[] = none
  private required: readonly string[] | undefined = undefined
  /** By its workload. */
  private needed: string | undefined = undefined
  /** The request may go to any backend. */
  private isPlain = true
  private needs: ReadonlyMap<string, string> | undefined = undefined
  private readonly clock: { monotonic(): number }
  private readonly dice: Dice
  private readonly hashKey: number
  private readonly trace: PickTrace | undefined

  constructor(
    world: { readonly clock: { monotonic(): number }; readonly dice: Dice },
    options: { readonly hashKey: number; readonly trace: PickTrace | undefined },
  ) {
    this.clock = world.clock
    this.dice = world.dice
    this.hashKey = options.hashKey
    this.trace = options.trace
  }

  /** `now` where the caller has just read the clock, otherwise -1. */
  start(request: LbRequest, tried: readonly Backend[], now: number): void {
    this.request = request
    this.tried = tried
    this.exclude = request.exclude ?? none
    this.required = request.requires
    this.workload = request.workload ?? usualWorkload
    this.needed = this.needs?.get(this.workload)
    this.isPlain = this.required === undefined && this.exclude === none && this.needed === undefined
    this.perWeight = 0
    this.time = now
  }

  /** The capability that each workload needs from now on. */
  setNeeds(needs: ReadonlyMap<string, string> | undefined): void {
    this.needs = needs
  }

  /** The request with all that it requires: what its workload needs, too. */
  whole(request: LbRequest): LbRequest {
    const { requires = [], workload = usualWorkload } = request
    const needed = this.needs?.get(workload)
    return needed === undefined ? request : { ...request, requires: [...new Set([...requires, needed])] }
  }

  /** Hashes only for strategies that ask: those that do not pay nothing. */
  placeBy(what: 'key' | 'client' | undefined): void {
    if (what === undefined) return
    const { key, sessionId, clientIp } = this.request
    const text = what === 'client' ? (clientIp ?? key ?? sessionId) : (key ?? sessionId ?? clientIp)
    this.hash = text === undefined ? this.dice.bits() : hashText(text, this.hashKey)
  }

  random(): number {
    return this.dice.unit()
  }

  below(count: number): number {
    return this.dice.below(count)
  }

  now(): number {
    this.readTime()
    return this.time
  }

  readTime(): void {
    if (this.time < 0) this.time = this.clock.monotonic()
  }

  bound(perWeight: number): void {
    this.perWeight = perWeight
  }

  accepts(backend: Backend): boolean {
    // Every backend that a strategy sees is one of ours.
    const endpoint = backend as Endpoint
    if (!endpoint.isEligible) return false
    if (endpoint.active >= endpoint.maxConnections) return this.refuse(endpoint, 'full')
    if (endpoint.isProbing && !endpoint.breaker.hasProbe) return this.refuse(endpoint, 'probing')
    if (this.tried.length > 0 && this.tried.includes(endpoint)) return this.refuse(endpoint, 'tried')
    if (this.perWeight > 0 && endpoint.active + 1 > Math.ceil(this.perWeight * endpoint.weight - 1e-9))
      return this.refuse(endpoint, 'bounded')
    return this.isPlain || this.suits(endpoint)
  }

  private refuse(endpoint: Endpoint, reason: Exclusion): false {
    this.trace?.refuse(endpoint, reason)
    return false
  }

  consider(backend: Backend, score: number): void {
    this.score = score
    this.note(backend)
  }

  note(backend: Backend): void {
    this.trace?.consider(backend, this)
  }

  private suits(endpoint: Endpoint): boolean {
    if (this.exclude.includes(endpoint)) return this.refuse(endpoint, 'excluded')
    if (this.needed !== undefined && !endpoint.capabilities.includes(this.needed))
      return this.refuse(endpoint, 'incapable')
    if (this.required === undefined) return true
    for (let index = 0; index < this.required.length; index++)
      if (!endpoint.capabilities.includes(this.required[index] as string))
        return this.refuse(endpoint, 'incapable')
    return true
  }
}
