import { lookup } from 'node:dns/promises'
import { checkNumber } from '../check-options.ts'
import { checkHost } from './host.ts'

/** One address of a name, as `resolve4(name, { ttl: true })` of `node:dns/promises` gives it. */
export interface ResolvedAddress {
  readonly address: string
  /** Seconds for which the answer holds. @default for as long as names are followed without asking anew */
  readonly ttl?: number
}

/** Resolves a name to addresses; where they tell how long they hold, the name is resolved again by then. */
export type Resolve = (name: string) => Promise<readonly (string | ResolvedAddress)[]>

/** The system's resolver, all addresses; it does not tell how long they hold. */
export const systemResolve: Resolve = (name) => lookup(name, { all: true })

export interface Answer {
  /** Each once. */
  readonly addresses: ReadonlySet<string>
  /** The shortest time of any of them; `Infinity` where none has one. */
  readonly holdsMs: number
}

/** Throws for what is no answer, or names no address. */
export function readAnswer(answer: unknown): Answer {
  if (!Array.isArray(answer) || answer.length === 0) throw new Error('no addresses')
  const addresses = new Set<string>()
  let holdsMs = Infinity
  answer.forEach((each: unknown, index) => {
    const path = `addresses[${index}]`
    if (typeof each !== 'object' || each === null) {
      addresses.add(checkHost(each, path))
      return
    }
    const { address, ttl } = each as Partial<ResolvedAddress>
    addresses.add(checkHost(address, `${path}.address`))
    if (ttl !== undefined) holdsMs = Math.min(holdsMs, checkNumber(ttl, `${path}.ttl`) * 1_000)
  })
  return { addresses, holdsMs }
}
