import type { EventFilter } from '@aether/core'

const levels = ['job', 'task', 'context', 'tid', 'action'] as const

/** Filters of which no two overlap, that together let through all that these do, and perhaps more. */
export function coverOf(filters: readonly EventFilter[]): readonly EventFilter[] {
  const cover: EventFilter[] = []
  for (let next of filters) {
    for (let index = cover.findIndex((one) => overlaps(one, next)); index >= 0;) {
      next = joined(cover[index]!, next)
      cover.splice(index, 1)
      const grown = next
      // Having grown, it may overlap others.
      index = cover.findIndex((one) => overlaps(one, grown))
    }
    cover.push(next)
  }
  return cover
}

/** Whether some event passes both. */
export function overlaps(one: EventFilter, other: EventFilter): boolean {
  return levels.every((level) => isAny(one[level]) || isAny(other[level]) || one[level] === other[level])
}

/** The narrowest filter that lets through what either does. */
function joined(one: EventFilter, other: EventFilter): EventFilter {
  return Object.fromEntries(levels.map((level) => [level, one[level] === other[level] ? one[level] : '+']))
}

function isAny(level: string | undefined): boolean {
  return level === undefined || level === '+'
}
