import type { Clock, Timer } from '../clock.ts'
import { json } from '../codec/json-codec.ts'
import { textOf } from '../error-shape.ts'
import type { Logger, PresenceEvent, Route, Transport } from '../transport.ts'
import type { PresenceBody } from './presence-body.ts'

/** Signs of life on a change are at least this far apart, as a share of the period: a busy worker changes thousands of times a second. */
const changesPerPeriod = 10

export interface BeaconLoad {
  readonly route: Route
  readonly context: string
  readonly active: number
  readonly concurrency: number
}

export interface BeaconHost {
  readonly worker: string
  readonly workgroup: string
  readonly concurrency: number
  readonly client: string
  readonly host: string
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  /** The load of each task now. */
  loads(): readonly BeaconLoad[]
}

/**
 * A worker's signs of life: `online` for each of its tasks every period and when its load changed, `idle` when it has room again, `dismiss` when it leaves.
 * It looks at the counters from time to time, so that a task costs nothing.
 */
export class Beacon {
  readonly #host: BeaconHost
  readonly #presenceMs: number
  #timer: Timer | undefined
  #lastAtMs = -Infinity
  #lastActive = -1
  #isStopped = false

  constructor(host: BeaconHost, presenceMs: number) {
    this.#host = host
    this.#presenceMs = presenceMs
  }

  /** Says `idle`: ready for tasks. */
  start(): void {
    if (this.#presenceMs === 0) return
    this.#look()
  }

  /** Says `dismiss` and falls silent. Resolves when it is said, or cannot be. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    // Who never said that it is there has no need to say goodbye.
    if (this.#lastAtMs !== -Infinity) await this.#say('dismiss')
  }

  readonly #look = (): void => {
    const nowMs = this.#host.clock.monotonic()
    let active = 0
    for (const load of this.#host.loads()) active += load.active
    if (active !== this.#lastActive || nowMs - this.#lastAtMs >= this.#presenceMs) {
      const hadRoom = this.#lastActive >= 0 && this.#lastActive < this.#host.concurrency
      const hasRoom = active < this.#host.concurrency
      this.#lastActive = active
      this.#lastAtMs = nowMs
      // Nobody waits for a sign of life: the next one comes anyway, and failures are logged.
      void this.#say(hasRoom && !hadRoom ? 'idle' : 'online')
    }
    this.#timer = this.#host.clock.setTimer(this.#look, this.#presenceMs / changesPerPeriod)
  }

  async #say(action: PresenceEvent['action']): Promise<void> {
    const { transport, worker, client, host, logger } = this.#host
    const loads = this.#host.loads()
    const workerActive = loads.reduce((sum, load) => sum + load.active, 0)
    const sayings = loads.map((load) => {
      const body: PresenceBody = {
        workgroup: this.#host.workgroup,
        context: load.context,
        active: load.active,
        concurrency: load.concurrency,
        workerActive,
        workerConcurrency: this.#host.concurrency,
        presenceMs: this.#presenceMs,
      }
      return transport.publish({
        action,
        route: load.route,
        tid: worker,
        client,
        host,
        codec: json.name,
        body: json.encode(body),
      })
    })
    for (const outcome of await Promise.allSettled(sayings)) {
      if (outcome.status === 'rejected') {
        logger.debug('a sign of life was not sent', { worker, action, error: textOf(outcome.reason) })
      }
    }
  }
}
