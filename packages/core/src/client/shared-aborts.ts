interface Follower {
  readonly controller: AbortController
  readonly onAbort: (reason: unknown) => void
}

/** What one run has of a signal that many share. */
export interface Follow {
  /** Aborted after it, with its reason: the run's own, so that whoever listens does not add to the listeners of the shared one. */
  readonly signal: AbortSignal
  stop(): void
}

/**
 * Signals that runs share, each with one listener however many runs there are: a signal per request or per process is the normal case, and Node takes more than
 * ten listeners of one for a leak.
 */
export class SharedAborts {
  readonly #followers = new Map<AbortSignal, Set<Follower>>()

  /** Shared signals that are listened to now. */
  get size(): number {
    return this.#followers.size
  }

  /** Calls `onAbort` once, unless stopped before. `shared` must not be aborted yet. */
  follow(shared: AbortSignal, onAbort: (reason: unknown) => void): Follow {
    let followers = this.#followers.get(shared)
    if (followers === undefined) {
      followers = new Set()
      this.#followers.set(shared, followers)
      shared.addEventListener('abort', this.#aborted, { once: true })
    }
    const follower: Follower = { controller: new AbortController(), onAbort }
    followers.add(follower)
    return { signal: follower.controller.signal, stop: () => this.#leave(shared, follower) }
  }

  readonly #aborted = ({ target }: Event): void => {
    const shared = target as AbortSignal
    const followers = this.#followers.get(shared)
    this.#followers.delete(shared)
    for (const { controller, onAbort } of followers ?? []) {
      // First what the run does about it, then what the transport does: the run knows already why its send ends.
      onAbort(shared.reason)
      controller.abort(shared.reason)
    }
  }

  #leave(shared: AbortSignal, follower: Follower): void {
    const followers = this.#followers.get(shared)
    if (followers === undefined) return
    followers.delete(follower)
    if (followers.size > 0) return
    this.#followers.delete(shared)
    shared.removeEventListener('abort', this.#aborted)
  }
}
