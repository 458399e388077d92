import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { createFaultPipe } from './fault-pipe.ts'
import type { DirectionFaults, FaultPipe } from './fault-pipe.ts'

export interface FaultProxyOptions {
  /** Where connections go. */
  readonly target: { readonly host?: string; readonly port: number }
  /** @default 0 (any free port) */
  readonly port?: number
  /** In force from the start: see `FaultProxy.set`. */
  readonly faults?: ProxyFaults
}

/** What each direction does. `toTarget`: what clients send; `toClient`: what the target answers. What is left out passes unharmed. */
export interface ProxyFaults {
  readonly toTarget?: DirectionFaults
  readonly toClient?: DirectionFaults
}

export interface FaultProxyStats {
  /** Connections taken since the start. */
  readonly accepted: number
  /** Connections turned away while cut. */
  readonly refused: number
  readonly open: number
  readonly bytesToTarget: number
  readonly bytesToClient: number
}

/** A TCP proxy on the loopback that does to its connections what networks do. */
export interface FaultProxy {
  readonly host: string
  readonly port: number
  readonly stats: FaultProxyStats
  /** Faults of both directions from now on, for open and new connections; replaces what was in force. `{}` heals. */
  set(faults: ProxyFaults): void
  /** Half-open: every connection stays open and carries nothing, in either direction, and its end is not passed on. */
  stall(): void
  /** Resets (RST) every open connection on both sides; new ones are taken as before. */
  reset(): void
  /** Resets every open connection and turns new ones away, until `heal`. */
  cut(): void
  /** Ends `cut`, `stall` and whatever `set` said. */
  heal(): void
  /** Ends every connection and the listener; nothing is left. Idempotent. */
  close(): Promise<void>
}

/** Listens on a free loopback port and passes what comes to `target`. */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new LoopbackProxy(options)
  await proxy.listen(options.port ?? 0)
  return proxy
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
  readonly toTarget: FaultPipe
  readonly toClient: FaultPipe
}

class LoopbackProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly #target: { readonly host: string; readonly port: number }
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #faults: ProxyFaults
  #isCut = false
  #closing: Promise<void> | undefined
  #accepted = 0
  #refused = 0
  #closedBytesToTarget = 0
  #closedBytesToClient = 0

  constructor(options: FaultProxyOptions) {
    this.#target = { host: options.target.host ?? '127.0.0.1', port: options.target.port }
    this.#faults = options.faults ?? {}
    // Half-closed connections stay half-closed: the pipes pass each end on when its bytes have passed.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, this.host)
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get stats(): FaultProxyStats {
    let bytesToTarget = this.#closedBytesToTarget
    let bytesToClient = this.#closedBytesToClient
    for (const pair of this.#pairs) {
      bytesToTarget += pair.toTarget.bytesPassed
      bytesToClient += pair.toClient.bytesPassed
    }
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      open: this.#pairs.size,
      bytesToTarget,
      bytesToClient,
    }
  }

  set(faults: ProxyFaults): void {
    this.#faults = { ...faults }
    for (const pair of this.#pairs) {
      pair.toTarget.set(faults.toTarget ?? {})
      pair.toClient.set(faults.toClient ?? {})
    }
  }

  stall(): void {
    this.set({ toTarget: { stall: true }, toClient: { stall: true } })
  }

  reset(): void {
    for (const pair of this.#pairs) this.#destroy(pair)
  }

  cut(): void {
    this.#isCut = true
    this.reset()
  }

  heal(): void {
    this.#isCut = false
    this.set({})
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#isCut = true
      this.#server.close(() => resolve())
      this.reset()
    })
    return this.#closing
  }

  #accept(client: Socket): void {
    client.on('error', ignoreError)
    if (this.#isCut) {
      this.#refused += 1
      client.resetAndDestroy()
      return
    }
    this.#accepted += 1
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    upstream.on('error', ignoreError)
    const pair: Pair = {
      client,
      upstream,
      toTarget: createFaultPipe(client, upstream, this.#faults.toTarget ?? {}),
      toClient: createFaultPipe(upstream, client, this.#faults.toClient ?? {}),
    }
    this.#pairs.add(pair)
    client.once('close', () => this.#ended(pair, client, upstream))
    upstream.once('close', () => this.#ended(pair, upstream, client))
  }

  /** One side is gone. A reset of one is a reset of the other; an orderly end passes on with what is still held. */
  #ended(pair: Pair, gone: Socket, other: Socket): void {
    if (gone.errored !== null || other.destroyed) this.#destroy(pair)
    else if (!other.writableEnded) other.end()
  }

  #destroy(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return
    this.#closedBytesToTarget += pair.toTarget.bytesPassed
    this.#closedBytesToClient += pair.toClient.bytesPassed
    pair.toTarget.close()
    pair.toClient.close()
    for (const socket of [pair.client, pair.upstream]) {
      // A socket that is shutting down cannot be reset: libuv refuses, and node would never close it.
      if (socket.connecting || socket.destroyed || socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    }
  }
}

function ignoreError(): void {
  // An error always comes with a close, which is where the other side learns of it.
}
