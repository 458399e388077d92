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
export function groupStatus(groups: Groups, endpoints: readonly Endpoint[]): readonly ReplicaStatus[] {
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
export function guardLeaving(groups: Groups, endpoints: readonly Endpoint[], leaving: Endpoint): void {
  guard(groups, endpoints, {
    changing: [leaving],
    placeAfter: () => nowhere,
    what: `without ${leaving.id}`,
  })
}

/** The same for backends that would be in another group, or in another zone, after a change. */
export function guardChange(
  groups: Groups,
  endpoints: readonly Endpoint[],
  { changing, change }: { readonly changing: readonly Endpoint[]; readonly change: Partial<Place> },
): void {
  if (!('group' in change) && !('zone' in change)) return
  const placeAfter = ({ group, zone }: Endpoint): Place => ({ group, zone, ...change })
  guard(groups, endpoints, { changing, placeAfter, what: 'with this change' })
}

type Groups = ReadonlyMap<string, Required<ReplicaGroup>>

interface Place {
  readonly group: string | undefined
  readonly zone: string | undefined
}

const nowhere: Place = { group: undefined, zone: undefined }

interface Change {
  readonly changing: readonly Endpoint[]
  readonly placeAfter: (endpoint: Endpoint) => Place
  /** How the message calls it. */
  readonly what: string
}

function guard(groups: Groups, endpoints: readonly Endpoint[], change: Change): void {
  const changing = new Set(change.changing.filter(isHealthy))
  for (const group of new Set([...changing].map((endpoint) => endpoint.group))) {
    const needs = group === undefined ? undefined : groups.get(group)
    if (group === undefined || needs === undefined) continue
    const before = endpoints.filter((endpoint) => endpoint.group === group && isHealthy(endpoint))
    const after = before
      .map((endpoint) => (changing.has(endpoint) ? change.placeAfter(endpoint) : endpoint))
      .filter((place) => place.group === group)
    const zones = zonesOf(after)
    const isFewer = after.length < before.length
    const lacksZones = zones < needs.minZones && (isFewer || zones < zonesOf(before))
    if (!lacksZones && !(isFewer && after.length < needs.minHealthy)) continue
    throw new LbError(
      'ERR_AETHER_REPLICAS_SHORT',
      `${change.what} group ${group} would have ${after.length} healthy in ${zones} zones, and needs ` +
        `${needs.minHealthy} in ${needs.minZones}: add another first, or pass force`,
      { detail: { group, healthy: after.length, zones, ...needs } },
    )
  }
}

function zonesOf(places: readonly Place[]): number {
  return new Set(places.map(({ zone = '' }) => zone)).size
}

/** Stricter than fit for traffic: who has yet to be checked, or is on probation, is nobody to rely on. */
function isHealthy(endpoint: Endpoint): boolean {
  if (endpoint.isDraining || endpoint.isRemoved || endpoint.breaker.state !== 'closed') return false
  return endpoint.isUp && !(endpoint.isChecked && endpoint.health === 'unknown')
}
