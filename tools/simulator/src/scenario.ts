/** One world to compare algorithms in. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** Load as a part of what all backends together could serve if all were as quick as the first one is meant to be. */
  readonly utilisation: number
  /** How many times longer each backend takes than the mean; its length is the number of backends. */
  readonly slowness: readonly number[]
  /** One backend stops for this long, now and then. */
  readonly stall: { readonly everyMs: number; readonly lengthMs: number } | undefined
}

export const backendCount = 10
export const slotsEach = 8
export const meanServiceMs = 10

const equal = new Array<number>(backendCount).fill(1)

/** The three of `docs`: all equal, one five times slower, one that stalls for two seconds. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'homogeneous',
    title: '10 equal backends, load 0.8',
    utilisation: 0.8,
    slowness: equal,
    stall: undefined,
  },
  {
    name: 'one-slow',
    title: '10 backends, one 5 times slower, load 0.6',
    utilisation: 0.6,
    slowness: [5, ...equal.slice(1)],
    stall: undefined,
  },
  {
    name: 'one-stalls',
    title: '10 backends, one stops for 2 s every 20 s, load 0.6',
    utilisation: 0.6,
    slowness: equal,
    stall: { everyMs: 20_000, lengthMs: 2_000 },
  },
]
