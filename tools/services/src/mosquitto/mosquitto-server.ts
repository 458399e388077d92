import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from '../install/program.ts'
import { freePort } from '../process/free-port.ts'
import type { Arrangement, Service } from '../process/service.ts'
import { startSupervised } from '../process/supervised.ts'
import type { ServerTls } from '../tls-files.ts'

export interface MosquittoListenerOptions {
  /** @default a free one */
  readonly port?: number
  readonly tls?: ServerTls
  /** MQTT over WebSocket. @default false */
  readonly websocket?: boolean
  /** Further lines of this listener. */
  readonly config?: string
}

export interface MosquittoServerOptions {
  /** Of the first listener. @default a free one */
  readonly port?: number
  /** Further lines, before the listeners: limits, logging. */
  readonly config?: string
  /** Where its persistence goes, where `config` asks for one; `close` leaves it there. @default a temporary one */
  readonly folder?: string
  /** @default one plain listener */
  readonly listeners?: readonly MosquittoListenerOptions[]
  /** Only these may connect, by password. @default everyone */
  readonly users?: Readonly<Record<string, string>>
  /** A file made by `mosquitto_passwd`, instead of `users`. */
  readonly passwordFile?: string
  /** @default 15_000 */
  readonly readyTimeoutMs?: number
}

export interface MosquittoListener {
  readonly port: number
  /** mqtt, mqtts, ws or wss. */
  readonly url: string
}

export interface MosquittoServer extends Service {
  /** In the order of the options; `port` and `url` are those of the first. */
  readonly listeners: readonly MosquittoListener[]
}

interface MosquittoArrangement extends Arrangement {
  readonly listeners: readonly MosquittoListener[]
}

/** A Mosquitto of its own, with its default limits unless `config` says otherwise. */
export async function startMosquitto(options: MosquittoServerOptions = {}): Promise<MosquittoServer> {
  const wanted = options.listeners ?? [{}]
  const service = await startSupervised<MosquittoArrangement>({
    name: 'mosquitto',
    program: await program('mosquitto', 'mosquitto'),
    folder: options.folder,
    mayMove: options.port === undefined && wanted.every((listener) => listener.port === undefined),
    readyTimeoutMs: options.readyTimeoutMs ?? 15_000,
    ready: /mosquitto version \S+ running/,
    version: /mosquitto version (\S+) /,
    arrange: async (home, folder) => {
      const listeners = await chooseListeners(wanted, options.port)
      const passwordFile = options.passwordFile ?? (await writePasswords(home, options.users))
      const path = join(home, 'mosquitto.conf')
      await writeFile(path, configuration(options, wanted, listeners, passwordFile, folder))
      const { port, url } = listeners[0] as MosquittoListener
      return { port, url, listeners, args: ['-c', path] }
    },
  })
  return Object.assign(service, { listeners: service.arrangement.listeners })
}

async function chooseListeners(
  wanted: readonly MosquittoListenerOptions[],
  firstPort: number | undefined,
): Promise<readonly MosquittoListener[]> {
  const listeners: MosquittoListener[] = []
  for (const { port: own, tls, websocket } of wanted) {
    const given = own ?? (listeners.length === 0 ? firstPort : undefined)
    let port = given ?? (await freePort())
    while (given === undefined && listeners.some((other) => other.port === port)) port = await freePort()
    const scheme = websocket === true ? 'ws' : 'mqtt'
    listeners.push({ port, url: `${scheme}${tls === undefined ? '' : 's'}://127.0.0.1:${port}` })
  }
  return listeners
}

const execute = promisify(execFile)

async function writePasswords(
  home: string,
  users: Readonly<Record<string, string>> | undefined,
): Promise<string | undefined> {
  if (users === undefined) return undefined
  const path = join(home, 'passwords')
  await writeFile(path, '', { mode: 0o600 })
  const tool = await program('mosquitto_passwd', 'mosquitto')
  for (const [user, password] of Object.entries(users)) await execute(tool, ['-b', path, user, password])
  return path
}

function configuration(
  options: MosquittoServerOptions,
  wanted: readonly MosquittoListenerOptions[],
  listeners: readonly MosquittoListener[],
  passwordFile: string | undefined,
  folder: string,
): string {
  const lines = [
    // As root it would become another user, who may not read its folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_type information',
    `persistence_location ${folder}/`,
    ...(passwordFile === undefined
      ? ['allow_anonymous true']
      : ['allow_anonymous false', `password_file ${passwordFile}`]),
    options.config ?? '',
    ...wanted.flatMap((listener, index) =>
      listenerLines(listener, (listeners[index] as MosquittoListener).port),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function listenerLines(
  { tls, websocket, config }: MosquittoListenerOptions,
  port: number,
): readonly string[] {
  return [
    `listener ${port} 127.0.0.1`,
    ...(websocket === true ? ['protocol websockets'] : []),
    ...(tls === undefined ? [] : [`cafile ${tls.ca}`, `certfile ${tls.cert}`, `keyfile ${tls.key}`]),
    ...(tls?.clientAuth === true ? ['require_certificate true'] : []),
    config ?? '',
  ]
}
