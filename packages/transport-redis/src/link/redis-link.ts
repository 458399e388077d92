import type { Logger, TransportState, WaitOptions } from '@aether/core'

/** A Lua script; each run names its keys, all of one slot. */
export interface Script {
  /** Says in errors and logs which one it was. */
  readonly name: string
  readonly lua: string
}

/** What a script or a message is made of; numbers are written as text. */
export type Argument = string | number | Uint8Array

/** What a reply is made of: text comes as bytes, so that bodies survive. */
export type Reply = number | Buffer | null | readonly Reply[]

/** One subscription of this instance; after a reconnection it exists once again before the link is `ready`. */
export interface Subscription {
  /** Idempotent. */
  close(): Promise<void>
}

/**
 * The connection to one Redis, to what a Sentinel names, or to a Cluster: one for commands, one that listens. It owns reconnection, says when it works, and maps
 * what the driver throws. Modes know nothing else of the driver.
 */
export interface RedisLink {
  /** `ready` means: a script ran and the subscriptions stand, both on their own connection. */
  readonly state: TransportState
  states(options?: WaitOptions): AsyncIterable<TransportState>
  /** In a Cluster a message reaches every node, and a node knows only its own subscribers. */
  readonly isCluster: boolean
  start(logger: Logger, options?: WaitOptions): Promise<void>
  /**
   * Runs a script where its first key lives, loading it where the server has forgotten it. While there is no connection it waits, bounded by `maxPending` and
   * `connectTimeoutMs`. What was under way when the connection ended rejects with `ERR_AETHER_TRANSPORT_LOST` (`retryable`): it may or may not have run.
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: WaitOptions,
  ): Promise<Reply>
  /** Any other command, under the same rules. */
  command(name: string, args: readonly Argument[], options?: WaitOptions): Promise<Reply>
  /** How many heard it, where the server can know. */
  publish(channel: string, message: Uint8Array, options?: WaitOptions): Promise<number>
  /** Several handlers of one channel share a subscription of the server. Resolves when it stands. */
  subscribe(channel: string, handler: (message: Buffer) => void): Promise<Subscription>
  /** As `subscribe`, for a glob pattern of Redis. */
  subscribePattern(
    pattern: string,
    handler: (message: Buffer, channel: string) => void,
  ): Promise<Subscription>
  /** Leaves nothing behind; an injected client stays open and gets its listeners back. */
  close(options?: WaitOptions): Promise<void>
}
