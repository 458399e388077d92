import { nextTick } from 'node:process'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ByteStream, ByteStreamHandlers, Dial } from './connection/byte-stream.ts'
import { type Client, createClient } from './client.ts'
import { WireError } from './errors.ts'
import { invalid, type SessionOptions } from './options.ts'

/** What `tls://` needs beyond the defaults of `node:tls`. */
export interface TlsOptions {
  /** Certificates trusted instead of the machine's. */
  readonly ca?: string | Uint8Array
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** Name that the certificate must be for. @default the host of the URL */
  readonly servername?: string
  /** @default true */
  readonly rejectUnauthorized?: boolean
}

export interface ConnectOptions extends SessionOptions {
  /** For `tls://` URLs. */
  readonly tls?: TlsOptions
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/** Port of a broker where a URL names none. */
export const DEFAULT_PORT = 7_411

/**
 * Connects to a broker: `aether://host:port`, `tcp://host:port` or `tls://host:port`. Throws `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_CONNECT_FAILED`,
 * `ERR_AETHER_CONNECT_TIMEOUT`.
 *
 * @example
 * const client = await connect('aether://127.0.0.1:7411')
 * client.publish('orders', new TextEncoder().encode('one'))
 * await client.close()
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  const client = createTcpClient(url, options)
  await client.start()
  return client
}

/** The client of `connect`, not started. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function createTcpClient(url: string, options: ConnectOptions = {}): Client {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  const { tls, ...session } = options
  return createClient({ ...session, dial: dialTcp(parseUrl(url), tls), defer: nextTick })
}

/** Where a URL leads. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function parseUrl(url: string): BrokerAddress {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  const secure = parsed?.protocol === 'tls:'
  if (
    parsed === undefined ||
    parsed.hostname === '' ||
    !(secure || parsed.protocol === 'tcp:' || parsed.protocol === 'aether:')
  ) {
    throw new WireError(
      'ERR_AETHER_OPTIONS_INVALID',
      'A broker is addressed as aether://host:port, tcp://host:port or tls://host:port.',
      {
        detail: { option: 'url' },
      },
    )
  }
  if (
    !/^\/?$/.test(parsed.pathname) ||
    parsed.search !== '' ||
    parsed.hash !== '' ||
    parsed.username !== '' ||
    parsed.password !== ''
  ) {
    throw new WireError(
      'ERR_AETHER_OPTIONS_INVALID',
      'The URL of a broker holds a host and a port and nothing else; a token is an option.',
      {
        detail: { option: 'url' },
      },
    )
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? DEFAULT_PORT : Number(parsed.port),
    secure,
  }
}

/** Opens TCP or TLS streams to one address. */
export function dialTcp(address: BrokerAddress, tls: TlsOptions = {}): Dial {
  return (signal) =>
    new Promise<ByteStream>((resolve, reject) => {
      const { host, port, secure } = address
      const ready = secure ? 'secureConnect' : 'connect'
      const socket: Socket = secure
        ? connectTls({ ...tlsOptions(tls, host), host, port })
        : connectTcp({ host, port, noDelay: true })
      const leave = (): void => {
        signal.removeEventListener('abort', onAbort)
        socket.off('error', onError)
        socket.off(ready, onReady)
      }
      const onAbort = (): void => {
        leave()
        // A socket that is given up may still fail: nobody cares.
        socket.on('error', () => {})
        socket.destroy()
        reject(signal.reason)
      }
      const onError = (error: Error): void => {
        leave()
        reject(error)
      }
      const onReady = (): void => {
        leave()
        socket.setNoDelay(true)
        resolve(new SocketStream(socket))
      }
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      socket.once('error', onError)
      socket.once(ready, onReady)
    })
}

function tlsOptions(tls: TlsOptions, host: string): object {
  const { ca, cert, key, servername, rejectUnauthorized } = tls
  const buffers = Object.fromEntries(
    Object.entries({ ca, cert, key })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value === 'string' ? value : Buffer.from(value!)]),
  )
  const name = servername ?? (/^[\d.]+$|:/.test(host) ? undefined : host)
  return {
    ...buffers,
    ...(name === undefined ? {} : { servername: name }),
    rejectUnauthorized: rejectUnauthorized ?? true,
  }
}

/** A connected socket as a stream of chunks. */
export class SocketStream implements ByteStream {
  readonly #socket: Socket
  #error: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.pause()
    socket.on('error', (error) => {
      this.#error = error
    })
  }

  open(handlers: ByteStreamHandlers): void {
    const socket = this.#socket
    socket.on('data', (chunk: Uint8Array) => handlers.onData(chunk))
    socket.on('drain', () => handlers.onDrain())
    socket.once('close', () => handlers.onClose(this.#error))
    socket.resume()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (chunks.length === 1) return socket.write(chunks[0]!)
    socket.cork()
    let more = true
    for (const chunk of chunks) more = socket.write(chunk)
    socket.uncork()
    return more
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
