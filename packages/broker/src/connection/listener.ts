import { createServer, type Server, type Socket } from 'node:net'
import { listenError } from '../errors.ts'

/** Connections that may wait to be accepted: a fleet that reconnects at once. The system's own limit may be lower. */
const BACKLOG = 4_096

/** The TCP side of a broker: one listening socket. */
export class Listener {
  #server: Server | undefined
  readonly #onSocket: (socket: Socket) => void
  readonly #onError: (error: Error) => void

  /** `onError` hears of a connection that could not be accepted: no file descriptors left, say. */
  constructor(onSocket: (socket: Socket) => void, onError: (error: Error) => void) {
    this.#onSocket = onSocket
    this.#onError = onError
  }

  /** The port it listens on; 0 while it does not. */
  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Rejects with `ERR_AETHER_PORT_IN_USE`, or `ERR_AETHER_CONNECT_FAILED` for what else the system says. */
  listen(host: string, port: number): Promise<void> {
    const server = createServer({ noDelay: true }, this.#onSocket)
    this.#server = server
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        this.#server = undefined
        reject(listenError(error, host, port))
      }
      server.once('error', failed)
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', failed)
        server.on('error', this.#onError)
        resolve()
      })
    })
  }

  /** Takes no more connections; those that are open stay. */
  stop(): void {
    this.#server?.close()
    this.#server = undefined
  }
}
