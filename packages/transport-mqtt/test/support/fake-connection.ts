import type { AetherError } from '@aether/core'
import { lostError } from '../../src/errors.ts'
import type { Connection, ConnectionEvents, ConnectionOptions, Session } from '../../src/link/connection.ts'
import type { Publication } from '../../src/link/outbox.ts'

export const session: Session = {
  version: 5,
  receiveMaximum: 2,
  maximumPacketSize: 10_000,
  hasSharedSubscriptions: true,
  hasSubscriptionIds: true,
  mayRetain: true,
  maximumQos: 1,
}

interface Asked {
  readonly filter: string
  readonly id: number | undefined
  confirm(): void
  refuse(error: AetherError): void
}

/** A connection whose broker is the test. */
export class FakeConnection {
  readonly options: ConnectionOptions | undefined
  readonly events: ConnectionEvents | undefined
  readonly subscribed: Asked[] = []
  readonly unsubscribed: string[] = []
  readonly published: {
    readonly topic: string
    readonly done: (reason: number, error?: AetherError) => void
  }[] = []
  /** How it was ended from here: with a goodbye or without. */
  ended: boolean | undefined
  /** Whether subscriptions are confirmed at once. */
  isQuick = true
  readonly #broken: ((error: AetherError) => void)[] = []

  constructor(options?: ConnectionOptions, events?: ConnectionEvents) {
    this.options = options
    this.events = events
  }

  get connection(): Connection {
    return this as unknown as Connection
  }

  get filters(): string[] {
    return this.subscribed.map(({ filter }) => filter)
  }

  open(parts: Partial<Session> = {}): void {
    this.events?.onOpen({ ...session, ...parts })
  }

  /** It ends by itself, and what was under way with it. */
  lose(error: AetherError = lostError('lost')): void {
    for (const reject of this.#broken.splice(0)) reject(error)
    this.events?.onClosed(error)
  }

  subscribe(filter: string, { id }: { readonly id: number | undefined }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#broken.push(reject)
      this.subscribed.push({ filter, id, confirm: resolve, refuse: reject })
      if (this.isQuick) resolve()
    })
  }

  async unsubscribe(filter: string): Promise<void> {
    this.unsubscribed.push(filter)
  }

  publish(
    topic: string,
    _payload: Buffer,
    {
      done,
    }: { readonly options: Publication['options']; readonly done: FakeConnection['published'][0]['done'] },
  ): void {
    this.published.push({ topic, done })
  }

  async end(isGraceful: boolean): Promise<void> {
    this.ended = isGraceful
  }
}

/** Lets promises and what follows from them run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
