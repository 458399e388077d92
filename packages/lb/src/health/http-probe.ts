import { Agent, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Backend } from '../backends/backend.ts'
import type { Probe, ProbeResult } from './probe.ts'

export interface HttpProbeOptions {
  /** @default '/' */
  readonly path?: string
  /** @default 'GET' */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Over TLS, with the certificate verified. @default false */
  readonly secure?: boolean
  /** Certificate authorities for `secure`, beside the system's own when left out. */
  readonly ca?: string | Buffer
  /** Lowest and highest good status. @default [200, 299] */
  readonly statuses?: readonly [number, number]
  /** A good answer with this header (lower case) says degraded. @default 'x-degraded' */
  readonly degradedHeader?: string
}

/** A real request on a connection of its own: a pooled one could be stale, or stay with a process that takes no new ones. */
export function httpProbe(options: HttpProbeOptions = {}): Probe {
  const {
    path = '/',
    method = 'GET',
    headers = {},
    secure = false,
    ca,
    degradedHeader = 'x-degraded',
  } = options
  const [low, high] = options.statuses ?? [200, 299]
  const send = secure ? secureRequest : request
  return (backend: Backend, signal: AbortSignal) =>
    new Promise<ProbeResult>((resolve, reject) => {
      const target = {
        host: backend.host,
        port: backend.port,
        path,
        method,
        signal,
        headers: { ...headers, connection: 'close' },
      }
      const outgoing = send(
        { ...target, ...(secure ? { ...(ca !== undefined && { ca }) } : { agent: new Agent() }) },
        (response) => {
          const status = response.statusCode ?? 0
          // The body does not matter, but a connection is done only once it was read; the signal ends one that never ends.
          response.resume()
          response.on('error', reject)
          response.on('end', () => {
            if (status < low || status > high) reject(new Error(`status ${status}`))
            else resolve(response.headers[degradedHeader] === undefined ? 'healthy' : 'degraded')
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end()
    })
}
