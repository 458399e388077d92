import { checkRoute, type Route, routeKey } from '@aether/core'
import { type Hello, maxEntries } from './hello-frame.ts'
import { Lane, type RoutePage } from './lane.ts'
import { type Member, Peer, type Seat } from './peer.ts'

const maxPages = 4_096
/** More instances than one Redis serves; whoever comes after them is not seen. */
const maxPeers = 10_000
const maxRetired = 10_000
/** Subscriptions and interests of all instances in all unions; whoever says more is not seen. */
const maxKnown = 64 * maxEntries

/** Who is there, in one union: every instance that consumes or listens, this one too. */
export class UnionRoster {
  readonly union: string
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #pages = new Map<string, RoutePage>()
  #version = 1
  #last: RoutePage | undefined
  #lastRoute: Route | undefined

  constructor(union: string, peers: ReadonlyMap<string, Peer>) {
    this.union = union
    this.#peers = peers
  }

  /** Somebody came, went or changed. */
  changed(): void {
    this.#version += 1
  }

  /** What is known of a route. Throws `ERR_AETHER_NAME_INVALID`. */
  page(route: Route): RoutePage {
    let page = this.#last
    if (page === undefined || this.#lastRoute !== route) {
      const key = routeKey(route)
      page = this.#pages.get(key) ?? this.#open(key, checkRoute(route))
      this.#last = page
      this.#lastRoute = route
    }
    this.freshen(page)
    return page
  }

  /** Brings a page up to date with who is there. */
  freshen(page: RoutePage): void {
    if (page.version === this.#version) return
    page.version = this.#version
    page.isHeard = false
    const groups = new Map<string, Seat[]>()
    for (const { members } of this.#peers.values()) {
      const member = members.get(this.union)
      if (member !== undefined) addMember(page, member, groups)
    }
    for (const lane of page.lanes.values()) {
      lane.seats = groups.get(lane.workgroup) ?? []
      if (lane.seats.length === 0 && lane.holds === 0) page.lanes.delete(lane.workgroup)
    }
    for (const [workgroup, seats] of groups) this.lane(page, workgroup).seats = seats
  }

  lane(page: RoutePage, workgroup: string): Lane {
    const known = page.lanes.get(workgroup)
    if (known !== undefined) return known
    const lane = new Lane(page, workgroup)
    page.lanes.set(workgroup, lane)
    return lane
  }

  #open(key: string, route: Route): RoutePage {
    if (this.#pages.size >= maxPages) this.#forgetIdle()
    const page = { key, route, union: this, version: 0, lanes: new Map(), isHeard: false, openTasks: 0 }
    this.#pages.set(key, page)
    return page
  }

  /** All that a page without tasks saves is work. */
  #forgetIdle(): void {
    for (const [key, page] of this.#pages) if (page.openTasks === 0) this.#pages.delete(key)
    this.#last = undefined
  }
}

function addMember(page: RoutePage, member: Member, groups: Map<string, Seat[]>): void {
  const { job, task, context } = page.route
  for (const seat of member.seats.values()) {
    const isFor = fits(seat.job, job) && fits(seat.task, task) && fits(seat.context, context)
    if (!isFor) continue
    const seats = groups.get(seat.workgroup)
    if (seats === undefined) groups.set(seat.workgroup, [seat])
    else seats.push(seat)
  }
  for (const interest of member.interests)
    if (fits(interest.job, job) && fits(interest.task, task)) page.isHeard = true
}

function entriesOf(member: Member | undefined): number {
  return member === undefined ? 0 : member.seats.size + member.interests.length
}

function fits(wanted: string, actual: string): boolean {
  return wanted === '+' || wanted === actual
}

export interface RosterOptions {
  readonly channelOf: (id: string) => string
  /** What it says of itself was not taken: there are too many others. */
  readonly onRefused: (id: string) => void
}

/** All instances that this one knows of, over all its unions. */
export class Roster {
  readonly peers: Map<string, Peer> = new Map()
  readonly unions: Map<string, UnionRoster> = new Map()
  /** How far calls were counted of those who are gone: who was only silent knows it still. */
  readonly #retired = new Map<string, number>()
  #leastCall = 0
  readonly #options: RosterOptions
  /** Subscriptions and interests of all of them. */
  #known = 0

  constructor(options: RosterOptions) {
    this.#options = options
  }

  /** Knows a union from now on. */
  open(union: string): UnionRoster {
    const roster = new UnionRoster(union, this.peers)
    this.unions.set(union, roster)
    return roster
  }

  /** Takes a hello; tells whose it is, where it is somebody to know of. */
  enlist(id: string, hello: Hello, { isOwn = false }: { readonly isOwn?: boolean } = {}): Peer | undefined {
    const union = this.unions.get(hello.union)
    if (union === undefined) return undefined
    const isSilent = hello.openings.length === 0 && hello.interests.length === 0
    const known = this.peers.get(id)
    if (known === undefined && isSilent) return undefined
    const before = known?.members.get(hello.union)
    if (before !== undefined && before.version >= hello.version) return known
    const more = hello.openings.length + hello.interests.length - entriesOf(before)
    if (!isOwn && !this.#hasRoom(known, more)) {
      this.#options.onRefused(id)
      return known
    }
    const peer = known ?? this.#welcome(id)
    this.peers.set(id, peer)
    this.#known += more
    if (isSilent) peer.members.delete(hello.union)
    else peer.enlist(hello)
    union.changed()
    return peer
  }

  /** It left a union, or is gone for good where none is named. */
  dismiss(peer: Peer, union?: string): void {
    for (const name of union === undefined ? [...peer.members.keys()] : [union]) {
      this.#known -= entriesOf(peer.members.get(name))
      if (peer.members.delete(name)) this.unions.get(name)?.changed()
    }
    if (peer.members.size === 0 && peer.calls.size === 0 && this.peers.delete(peer.id)) this.#retire(peer)
  }

  #hasRoom(known: Peer | undefined, more: number): boolean {
    if (known === undefined && this.peers.size >= maxPeers) return false
    return more <= 0 || this.#known + more <= maxKnown
  }

  #welcome(id: string): Peer {
    const peer = new Peer(id, this.#options.channelOf(id))
    peer.lastCall = this.#retired.get(id) ?? this.#leastCall
    this.#retired.delete(id)
    return peer
  }

  #retire({ id, lastCall }: Peer): void {
    this.#retired.set(id, lastCall)
    if (this.#retired.size <= maxRetired) return
    for (const [oldest, call] of this.#retired) {
      this.#retired.delete(oldest)
      this.#leastCall = Math.max(this.#leastCall, call)
      return
    }
  }
}
