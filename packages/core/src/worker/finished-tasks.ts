import { LRUCache } from 'lru-cache'

import type { CompleteEvent } from '../transport.ts'

export interface FinishedTasksOptions {
  /** @default 10_000 */
  readonly maxTasks?: number
  /** @default 16 MiB */
  readonly maxBytes?: number
}

/** What an entry costs beside its body. */
const overheadBytes = 256

/**
 * Completions that may have to be sent again: of tasks that come a second time, because their first completion did not get through or because the transport
 * delivers twice. The least recently used go first.
 */
export class FinishedTasks {
  readonly #cache: LRUCache<string, CompleteEvent>

  constructor(options: FinishedTasksOptions = {}) {
    const maxBytes = options.maxBytes ?? 16 * 1024 * 1024
    this.#cache = new LRUCache({
      max: options.maxTasks ?? 10_000,
      maxSize: maxBytes,
      // One completion must not push out all the others.
      maxEntrySize: Math.max(overheadBytes, maxBytes / 4),
      sizeCalculation: (event) => overheadBytes + (event.body?.length ?? 0),
    })
  }

  get size(): number {
    return this.#cache.size
  }

  add(event: CompleteEvent): void {
    this.#cache.set(event.tid, event)
  }

  get(tid: string): CompleteEvent | undefined {
    return this.#cache.size === 0 ? undefined : this.#cache.get(tid)
  }
}
