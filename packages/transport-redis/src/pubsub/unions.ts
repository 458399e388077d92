import type { Logger, Timer } from '@aether/core'
import type { RedisLink } from '../link/redis-link.ts'
import type { Channels } from './channels.ts'
import { tooMany } from './ends.ts'
import type { FrameWriter } from './frame-writer.ts'
import { Kind } from './frames.ts'
import { type Hello, type Interest, type Opening, writeHello } from './hello-frame.ts'
import type { Outbox } from './outbox.ts'
import type { Peer } from './peer.ts'
import { RollCalls, Verdict } from './roll-call.ts'
import { Roster, type UnionRoster } from './roster.ts'
import { type PubSubSettings, silentBeats } from './settings.ts'

const maxUnions = 1_000

export interface UnionsHost {
  /** Of this instance. */
  readonly id: string
  readonly settings: PubSubSettings
  readonly link: RedisLink
  readonly outbox: Outbox
  readonly channels: Channels
  readonly logger: Logger
  readonly openings: (union: string) => readonly Opening[]
  readonly interests: (union: string) => readonly Interest[]
  /** Whether this instance has tasks in hand: then it is waited for, also where it takes no more. */
  readonly isBusy: () => boolean
  /** A message to a whole union. */
  readonly onMessage: (message: Buffer, channel: string) => void
  /** Somebody came, went or has room again. */
  readonly onChange: () => void
  /** Something that was said to it, or by it, may be lost. */
  readonly onDoubt: (peer: Peer) => void
  /** It is gone for good. */
  readonly onGone: (peer: Peer, why: string) => void
  /** Each heartbeat. */
  readonly onBeat: (nowMs: number) => void
}

/** Who is there, in each union that this instance has to do with: hellos, heartbeats, and questions to all. */
export class Unions {
  readonly roster: Roster
  readonly #host: UnionsHost
  readonly #joining = new Map<string, Promise<UnionRoster>>()
  readonly #rolls: RollCalls
  readonly #catchingUp = new Map<string, Promise<unknown>>()
  readonly #announcing = new Map<string, Promise<void>>()
  #epoch = 1
  #version = 1
  #beat: Timer | undefined
  #beatAtMs = 0
  /** When this instance last heard itself, having asked whether the server is there. */
  #echoedAtMs = Number.NEGATIVE_INFINITY
  #isListening = false
  #isClosed = false
  #hasRefused = false

  constructor(host: UnionsHost) {
    this.#host = host
    this.roster = new Roster({
      channelOf: host.channels.instance,
      onRefused: (id) => this.#refused(id),
    })
    this.#rolls = new RollCalls(host.settings.clock, host.settings.queryMs)
    this.#beatAtMs = host.settings.clock.monotonic()
    this.#setBeat()
  }

  /** The union, where this instance has joined it. */
  get(union: string): UnionRoster | undefined {
    return this.#joining.has(union) ? undefined : this.roster.unions.get(union)
  }

  /** Listens to a union and learns who is there. */
  join(union: string): Promise<UnionRoster> {
    const known = this.#joining.get(union)
    if (known !== undefined) return known
    const there = this.roster.unions.get(union)
    if (there !== undefined) return Promise.resolve(there)
    if (this.roster.unions.size >= maxUnions) return Promise.reject(tooMany('unions', maxUnions))
    const joining = this.#join(union).finally(() => this.#joining.delete(union))
    this.#joining.set(union, joining)
    return joining
  }

  /** Says to a union what this instance does there now. Resolves when everyone has heard it. */
  announce(union: string): Promise<void> {
    this.#enlistSelf(union)
    const known = this.#announcing.get(union)
    if (known !== undefined) return known
    // A worker begins with many consumers at once: they are announced together.
    const announcing = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        this.#announcing.delete(union)
        this.ask(union, (writer, nonce) => writeHello(writer, this.#hello(union, nonce))).then(
          () => resolve(),
          reject,
        )
      })
    })
    this.#announcing.set(union, announcing)
    return announcing
  }

  /** Asks everyone in a union; resolves with a verdict, or undefined when nobody gave one. */
  ask(union: string, write: (writer: FrameWriter, nonce: number) => void): Promise<number | undefined> {
    return this.#rolls.ask(this.#host.outbox.to(this.#host.channels.union(union)), write)
  }

  answered(nonce: number, from: string, verdict: number): void {
    this.#rolls.answered(nonce, from, verdict)
  }

  /** Resolves when everything that was said to the union before has been heard here. */
  async caughtUp({ union }: UnionRoster): Promise<void> {
    let catching = this.#catchingUp.get(union)
    if (catching === undefined) {
      // Nodes of a Cluster pass messages on at their own pace, so there everyone is asked again.
      const { isCluster } = this.#host.link
      catching = this.ask(union, (writer, nonce) =>
        isCluster ? writeWho(writer, union, nonce) : writeEcho(writer, nonce),
      )
      this.#catchingUp.set(union, catching)
      // Who asks later may know of something that was said later.
      setImmediate(() => this.#catchingUp.delete(union))
    }
    await catching
  }

  /** What this instance said to all came back. */
  echoed(nonce: number): void {
    this.#rolls.finish(nonce)
  }

  hello(from: string, hello: Hello): void {
    const before = this.roster.peers.get(from)?.epoch
    const peer = this.roster.enlist(from, hello)
    if (peer !== undefined) {
      peer.epoch = hello.epoch
      this.#heard(peer)
      if (before !== undefined && before !== hello.epoch) this.#host.onDoubt(peer)
      this.#host.onChange()
    }
    if (hello.isAnswer && hello.nonce > 0) this.#rolls.answered(hello.nonce, from, Verdict.noted)
  }

  /** Tells whoever asks what this instance does. */
  tellHello(to: string, union: string, nonce: number): void {
    const { outbox, channels } = this.#host
    if (this.roster.unions.has(union))
      writeHello(outbox.to(channels.instance(to)).writer, this.#hello(union, nonce, true))
  }

  alive(from: string, union: string, epoch: number, version: number): void {
    const peer = this.roster.peers.get(from)
    const member = peer?.members.get(union)
    if (peer !== undefined) this.#heard(peer)
    if (peer !== undefined && member !== undefined && member.version >= version && peer.epoch === epoch)
      return
    const { outbox, channels } = this.#host
    writeWho(outbox.to(channels.instance(from)).writer, union, 0)
  }

  bye(from: string): void {
    const peer = this.roster.peers.get(from)
    if (peer !== undefined) this.#dismiss(peer, `worker ${from} has left`)
  }

  /** A new connection: whoever was said something meanwhile did not hear it, and neither did this instance. */
  reconnected(): void {
    this.#epoch += 1
    const nowMs = this.#host.settings.clock.monotonic()
    for (const peer of this.roster.peers.values()) {
      peer.heardAtMs = nowMs
      peer.isAway = false
      this.#host.onDoubt(peer)
    }
    for (const union of this.roster.unions.keys()) {
      this.#enlistSelf(union)
      const { writer } = this.#host.outbox.to(this.#host.channels.union(union))
      writeHello(writer, this.#hello(union, 0))
      writeWho(writer, union, 0)
    }
  }

  /** Says goodbye everywhere. */
  leave(): void {
    this.#isClosed = true
    this.#beat?.cancel()
    this.#rolls.close()
    for (const union of this.roster.unions.keys()) {
      const { writer } = this.#host.outbox.to(this.#host.channels.union(union))
      writer.end(writer.begin(Kind.bye))
    }
  }

  async #join(union: string): Promise<UnionRoster> {
    const { link, channels, onMessage } = this.#host
    const channel = channels.union(union)
    await link.subscribe(channel, (message) => onMessage(message, channel))
    const roster = this.roster.open(union)
    await this.ask(union, (writer, nonce) => writeWho(writer, union, nonce))
    return roster
  }

  #hello(union: string, nonce: number, isAnswer: boolean = false): Hello {
    return {
      union,
      nonce,
      isAnswer,
      epoch: this.#epoch,
      version: this.#version,
      openings: this.#host.openings(union),
      interests: this.#host.interests(union),
    }
  }

  /** This instance works for itself too. */
  #enlistSelf(union: string): void {
    this.#version += 1
    const peer = this.roster.enlist(this.#host.id, this.#hello(union, 0), { isOwn: true })
    if (peer !== undefined) {
      peer.epoch = this.#epoch
      this.#heard(peer)
    }
    this.#host.onChange()
  }

  #refused(instance: string): void {
    if (this.#hasRefused) return
    this.#hasRefused = true
    this.#host.logger.warn('there are more workers than can be known of: some get no tasks from here', {
      instance,
    })
  }

  #heard(peer: Peer): void {
    peer.heardAtMs = this.#host.settings.clock.monotonic()
    peer.isAway = false
  }

  #dismiss(peer: Peer, why: string): void {
    this.roster.dismiss(peer)
    this.#host.onGone(peer, why)
    this.roster.dismiss(peer)
  }

  #setBeat(): void {
    const { clock, heartbeatMs } = this.#host.settings
    this.#beat = clock.setTimer(() => this.#onBeat(), heartbeatMs)
  }

  #onBeat(): void {
    if (this.#isClosed) return
    this.#setBeat()
    const { settings, link, onBeat } = this.#host
    const nowMs = settings.clock.monotonic()
    const sinceMs = nowMs - this.#beatAtMs
    this.#beatAtMs = nowMs
    onBeat(nowMs)
    if (link.state.status !== 'ready') return
    this.#sayAlive()
    // Without a connection, or in a process that stood still, nothing could be heard.
    if (sinceMs > 2 * settings.heartbeatMs) {
      for (const peer of this.roster.peers.values()) peer.heardAtMs = nowMs
      return
    }
    for (const peer of [...this.roster.peers.values()]) {
      if (peer.id === this.#host.id) continue
      if (peer.members.size === 0 && peer.calls.size === 0) this.roster.dismiss(peer)
      if (this.roster.peers.has(peer.id)) this.#judge(peer, nowMs)
    }
  }

  /** A worker that is silent is lost; but it may be the server that stands still, of which an instance hears nothing, not even itself. */
  #judge(peer: Peer, nowMs: number): void {
    const { heartbeatMs } = this.#host.settings
    const silentMs = silentBeats * heartbeatMs
    const silentForMs = nowMs - peer.heardAtMs
    if (silentForMs <= silentMs - heartbeatMs) return
    // What the server had in hand for it may come a little after what it had for us.
    const isServerThere = this.#echoedAtMs > peer.heardAtMs && nowMs - this.#echoedAtMs >= heartbeatMs / 2
    if (this.#echoedAtMs <= peer.heardAtMs) this.#hearSelf()
    if (silentForMs <= silentMs || !isServerThere) return
    this.#host.logger.warn('a worker has fallen silent', { instance: peer.id, silentMs })
    this.#dismiss(peer, `worker ${peer.id} has been silent for ${silentMs} ms`)
  }

  #hearSelf(): void {
    const [union] = this.roster.unions.values()
    if (union === undefined || this.#isListening) return
    this.#isListening = true
    this.caughtUp(union)
      .then(() => (this.#echoedAtMs = this.#host.settings.clock.monotonic()))
      // A connection that was lost: with the next one all begin anew.
      .catch(() => undefined)
      .finally(() => (this.#isListening = false))
  }

  #sayAlive(): void {
    const { outbox, channels, id } = this.#host
    const self = this.roster.peers.get(id)
    const unions = this.#host.isBusy() ? this.roster.unions.keys() : self?.members.keys()
    for (const union of unions ?? []) {
      const { writer } = outbox.to(channels.union(union))
      const start = writer.begin(Kind.alive)
      writer.text(union)
      writer.u32(this.#epoch)
      writer.u32(self?.members.get(union)?.version ?? 0)
      writer.end(start)
    }
  }
}

function writeWho(writer: FrameWriter, union: string, nonce: number): void {
  const start = writer.begin(Kind.who)
  writer.text(union)
  writer.u32(nonce)
  writer.end(start)
}

function writeEcho(writer: FrameWriter, nonce: number): void {
  const start = writer.begin(Kind.echo)
  writer.u32(nonce)
  writer.end(start)
}
