/** One priority level as the distribution sees it. */
export interface LevelHealth {
  readonly total: number
  readonly up: number
}

export interface LevelLoad {
  /** Share of the traffic in percent; all of them together make 100. */
  readonly percent: number
  /** So few are up that picking among those alone would drown them: everyone in the level gets traffic. */
  readonly isPanic: boolean
}

/** A level counts as whole while 1 / 1.4 = 71.4 % of it is up. */
const overprovisioning = 1.4

/**
 * How traffic spreads over priority levels, the preferred first (Envoy's rule): each takes what it can carry, `min(100, 1.4 · 100 · up / total)`, of what the
 * levels above leave. Where all together carry less than 100 they share it in proportion, and a level with fewer than `panicThreshold` up is in panic.
 */
export function levelLoads(levels: readonly LevelHealth[], panicThreshold: number): readonly LevelLoad[] {
  const carries = levels.map(({ total, up }) =>
    total === 0 ? 0 : Math.min(100, Math.floor((overprovisioning * 100 * up) / total + 1e-9)),
  )
  const sum = carries.reduce((all, each) => all + each, 0)
  if (sum >= 100) {
    let rest = 100
    return carries.map((carry) => {
      const percent = Math.min(carry, rest)
      rest -= percent
      return { percent, isPanic: false }
    })
  }
  // What rounding leaves over goes to the first that can carry any.
  const first = Math.max(
    0,
    sum === 0 ? levels.findIndex((level) => level.total > 0) : carries.findIndex((carry) => carry > 0),
  )
  const shares = carries.map((carry) => (sum === 0 ? 0 : Math.floor((carry * 100) / sum)))
  shares[first] = (shares[first] ?? 0) + 100 - shares.reduce((all, each) => all + each, 0)
  return levels.map(({ total, up }, index) => ({
    percent: shares[index] as number,
    isPanic: total > 0 && up / total < panicThreshold,
  }))
}

/** The share of traffic that stays in the own zone, by the same rule. */
export function localPercent(local: LevelHealth, remote: LevelHealth): number {
  if (local.total === 0 || local.up === 0) return 0
  if (remote.up === 0) return 100
  return Math.min(100, Math.floor((overprovisioning * 100 * local.up) / local.total + 1e-9))
}
