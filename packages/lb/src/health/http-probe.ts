import {
  type IncomingMessage,
  METHODS,
  request,
  type RequestOptions,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http'
import { request as secureRequest } from 'node:https'
import { authorityOf } from '../backends/host.ts'
import { checkBoolean, checkFields, checkNumber, checkText, show } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import { reasonText } from '../reason-text.ts'
import type { Probe, ProbeResult } from './probe.ts'

/** What a check over HTTP asks for, and which answers are good. */
export interface HttpProbeOptions {
  /** @default '/' */
  readonly path?: string
  /** @default 'GET' */
  readonly method?: string
  /** `host` among them also names the certificate that is expected. @default `host` as the backend's `hostname` */
  readonly headers?: Readonly<Record<string, string>>
  /** Over TLS, with the certificate verified. @default false */
  readonly secure?: boolean
  /** Certificate authorities for `secure`, instead of the system's own. */
  readonly ca?: string | Buffer
  /** Lowest and highest good status; redirects are not followed. @default [200, 299] */
  readonly statuses?: readonly [number, number]
  /** A good answer with this header says degraded. @default 'x-degraded' */
  readonly degradedHeader?: string
}

/** Of a body that is longer no more is read: by then the backend has shown that it answers. */
const enoughBytes = 65_536

/** A real request on a connection of its own: a pooled one could be stale, or stay with a process that takes no new ones. */
export function httpProbe(options: HttpProbeOptions = {}, path = 'probe'): Probe {
  const { target, sent, isSecure, statuses, degradedHeader } = checkHttpProbe(options, path)
  const send = isSecure ? secureRequest : request
  return ({ host, hostname, port }, signal) =>
    new Promise<ProbeResult>((resolve, reject) => {
      const named = port === (isSecure ? 443 : 80) ? authorityOf(hostname) : authorityOf(hostname, port)
      const headers = { host: named, ...sent, connection: 'close' }
      const outgoing = send({ ...target, host, port, signal, agent: false, headers }, (response) => {
        const judge = (): void => {
          outgoing.destroy()
          const status = response.statusCode ?? 0
          if (status < statuses[0] || status > statuses[1]) reject(new Error(`status ${status}`))
          else resolve(response.headers[degradedHeader] === undefined ? 'healthy' : 'degraded')
        }
        readAway(response, judge, reject)
      })
      outgoing.on('error', reject)
      // Whatever it was: a body that breaks off, or an answer in another protocol.
      outgoing.on('close', () => reject(new Error('the connection was closed before the end of the answer')))
      outgoing.end()
    })
}

/** The body does not matter, but one that breaks off does, and so does one that takes too long: the signal ends it. */
function readAway(response: IncomingMessage, onEnough: () => void, onError: (error: unknown) => void): void {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > enoughBytes) onEnough()
  })
  response.on('error', onError)
  response.on('end', onEnough)
}

interface CheckedHttpProbe {
  readonly target: RequestOptions & { readonly ca?: string | Buffer }
  /** Headers. */
  readonly sent: Readonly<Record<string, string>>
  readonly isSecure: boolean
  readonly statuses: readonly [number, number]
  readonly degradedHeader: string
}

const keys = ['path', 'method', 'headers', 'secure', 'ca', 'statuses', 'degradedHeader']

function checkHttpProbe(options: HttpProbeOptions, path: string): CheckedHttpProbe {
  const fields = checkFields(options, path, keys)
  const target = checkText(fields['path'] ?? '/', `${path}.path`)
  if (!/^\/[\x21-\x7e]*$/.test(target))
    throw invalidOption(`${path}.path must begin with / and have no blanks, not ${show(target)}`)
  const method = checkText(fields['method'] ?? 'GET', `${path}.method`).toUpperCase()
  if (!METHODS.includes(method) || method === 'CONNECT')
    throw invalidOption(`${path}.method must be a method of HTTP, not ${show(method)}`)
  const { ca } = fields
  if (ca !== undefined && typeof ca !== 'string' && !(ca instanceof Uint8Array))
    throw invalidOption(`${path}.ca must be a text or a Buffer, not ${show(ca)}`)
  const degradedHeader = checkText(fields['degradedHeader'] ?? 'x-degraded', `${path}.degradedHeader`)
  return {
    target: {
      path: target,
      method,
      ...(ca !== undefined && { ca: ca as string | Buffer }),
    },
    sent: checkHeaders(fields['headers'] ?? {}, `${path}.headers`),
    isSecure: checkBoolean(fields['secure'] ?? false, `${path}.secure`),
    statuses: checkStatuses(fields['statuses'] ?? [200, 299], `${path}.statuses`),
    degradedHeader: degradedHeader.toLowerCase(),
  }
}

function checkHeaders(value: unknown, path: string): Record<string, string> {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : []
  return Object.fromEntries(
    Object.entries(checkFields(value, path, names)).map(([name, content]) => {
      try {
        validateHeaderName(name)
        validateHeaderValue(name, content as string)
      } catch (error) {
        throw invalidOption(`${path} cannot be sent: ${reasonText(error)}`)
      }
      return [name.toLowerCase(), String(content)]
    }),
  )
}

function checkStatuses(value: unknown, path: string): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2)
    throw invalidOption(`${path} must be two numbers, the lowest and the highest, not ${show(value)}`)
  const low = checkNumber(value[0], `${path}[0]`, { min: 200, max: 599, integer: true })
  return [low, checkNumber(value[1], `${path}[1]`, { min: low, max: 599, integer: true })]
}
