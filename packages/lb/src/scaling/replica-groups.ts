import type { Endpoint } from '../backends/endpoint.ts'
import { checkCount, checkFields } from '../check-options.ts'
import { invalidOption, LbError } from '../errors.ts'

/** What must stay of a group when one of it is removed or drained. */
export interface ReplicaGroup {
  /** Healthy ones that must stay. @default 1 */
  readonly minHealthy?: number
  /** Zones that must keep a healthy one. @default 1 */
  readonly minZones?: number
}

/** How one replica group stands. */
export interface ReplicaStatus {
  readonly group: string
  readonly total: number
  readonly healthy: number
  /** Healthy ones by zone; `''` for those without a zone. */
  readonly zones: Readonly<Record<string, number>>
  readonly isShort: boolean
}

export function checkGroups(
  groups: Readonly<Record<string, ReplicaGroup>>,
): ReadonlyMap<string, Required<ReplicaGroup>> {
  checkFields(groups, 'groups', Object.keys(groups))
  return new Map(
    Object.entries(groups).map(([name, group]) => {
      checkFields(group, `groups.${name}`, ['minHealthy', 'minZones'])
      return [
        name,
        {
          minHealthy: checkCount(group.minHealthy ?? 1, `groups.${name}.minHealthy`, 0),
          minZones: checkCount(group.minZones ?? 1, `groups.${name}.minZones`, 0),
        },
      ]
    }),
  )
}

/** A name that is not among them would be a group that nobody guards: `ERR_AETHER_OPTIONS_INVALID`. */
export function checkMember(groups: ReadonlyMap<string, unknown>, group: string | undefined): void {
  if (group === undefined || groups.size === 0 || groups.has(group)) return
  throw invalidOption(`there is no group "${group}": there are ${[...groups.keys()].join(', ')}`)
}

/** How each group stands. */
export function groupStatus(
  groups: ReadonlyMap<string, Required<ReplicaGroup>>,
  endpoints: readonly Endpoint[],
): readonly ReplicaStatus[] {
  return [...groups].map(([group, needs]) => {
    const members = endpoints.filter((endpoint) => endpoint.group === group)
    const zones = new Map<string, number>()
    const healthy = members.filter(isHealthy)
    for (const { zone = '' } of healthy) zones.set(zone, (zones.get(zone) ?? 0) + 1)
    const isShort = healthy.length < needs.minHealthy || zones.size < needs.minZones
    return {
      group,
      total: members.length,
      healthy: healthy.length,
      zones: Object.fromEntries(zones),
      isShort,
    }
  })
}

/** Throws `ERR_AETHER_REPLICAS_SHORT` if the group would have too few without this one; one that is not healthy may always go. */
export function guardGroup(
  groups: ReadonlyMap<string, Required<ReplicaGroup>>,
  endpoints: readonly Endpoint[],
  leaving: Endpoint,
): void {
  const needs = leaving.group === undefined ? undefined : groups.get(leaving.group)
  if (needs === undefined || !isHealthy(leaving)) return
  const rest = endpoints.filter(
    (endpoint) => endpoint !== leaving && endpoint.group === leaving.group && isHealthy(endpoint),
  )
  const zones = new Set(rest.map((endpoint) => endpoint.zone ?? '')).size
  if (rest.length >= needs.minHealthy && zones >= needs.minZones) return
  throw new LbError(
    'ERR_AETHER_REPLICAS_SHORT',
    `without ${leaving.id} group ${leaving.group} would have ${rest.length} healthy in ${zones} zones, and needs ` +
      `${needs.minHealthy} in ${needs.minZones}: add another first, or pass force`,
    { detail: { group: leaving.group, healthy: rest.length, zones, ...needs } },
  )
}

/** Stricter than fit for traffic: who has yet to be checked, or is on probation, is nobody to rely on. */
function isHealthy(endpoint: Endpoint): boolean {
  if (endpoint.isDraining || endpoint.isRemoved || endpoint.breaker.state !== 'closed') return false
  return endpoint.isUp && !(endpoint.isChecked && endpoint.health === 'unknown')
}
