import type { Cluster, Command, Redis } from 'ioredis'
import { Connection } from './connection.ts'
import { Pipe } from './pipe.ts'
import { endSilent, type Session } from './session.ts'

/** A client of the application's for commands, and a connection of our own that listens. The client is left as it was found. */
export class ClientSession implements Session {
  readonly name: string = 'the injected client'
  readonly #client: Redis | Cluster
  readonly #pipe: Pipe | undefined
  #listening: Connection | undefined
  #isOver = false
  #onLost: ((error: Error) => void) | undefined
  #giveUp: ((error: Error) => void) | undefined

  constructor(client: Redis | Cluster) {
    this.#client = client
    this.#pipe = isCluster(client) ? undefined : new Pipe(client)
  }

  get listener(): Redis {
    if (this.#listening === undefined) throw new Error('The session was not opened.')
    return this.#listening.redis
  }

  async open(): Promise<void> {
    await this.#whenReady()
    if (this.#isOver) throw new Error('The session is over.')
    const node = isCluster(this.#client) ? this.#client.nodes('master')[0] : this.#client
    if (node === undefined) throw new Error('The injected Cluster knows no node.')
    // Where it asks Sentinels, it asks each once: trying again is the link's.
    this.#listening = new Connection({
      ...node.options,
      sentinelRetryStrategy: () => null,
      failoverDetector: false,
    })
    await this.#listening.open()
  }

  send(command: Command): void {
    if (this.#pipe === undefined) this.#client.sendCommand(command)
    else this.#pipe.send(command)
  }

  onLost(handler: (error: Error) => void): void {
    this.#onLost = handler
    this.#listening?.onLost((error) => this.#lose(error))
    if (this.#client.status === 'ready') this.#client.on('close', this.#onClose)
    else this.#onClose()
  }

  watched(): readonly Redis[] {
    return isCluster(this.#client) ? [this.listener] : [this.#client, this.listener]
  }

  onSilent(redis: Redis): void {
    if (redis === this.listener) endSilent(redis)
    else this.#lose(new Error('The injected client gave no sign of life.'))
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    this.#onLost = undefined
    this.#client.removeListener('close', this.#onClose)
    this.#giveUp?.(new Error('The session is over.'))
    await this.#listening?.destroy()
  }

  readonly #onClose = (): void => this.#lose(new Error('The injected client lost its connection.'))

  /** Its own reconnection is its owner's; one that was never connected is told to. */
  async #whenReady(): Promise<void> {
    const client = this.#client
    if (client.status === 'ready') return
    if (client.status === 'end') throw new Error('The injected client was closed.')
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        client.removeListener('ready', onReady)
        this.#giveUp = undefined
      }
      const onReady = (): void => {
        settle()
        resolve()
      }
      this.#giveUp = (error) => {
        settle()
        reject(error)
      }
      client.on('ready', onReady)
      // What it rejects with is of no more use once this was given up.
      if (client.status === 'wait') client.connect().catch((error: Error) => this.#giveUp?.(error))
    })
  }

  #lose(error: Error): void {
    const handler = this.#onLost
    this.#onLost = undefined
    handler?.(error)
  }
}

function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster
}
