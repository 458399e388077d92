import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { program } from '../install/program.ts'
import { freePort } from '../process/free-port.ts'
import type { Arrangement, Recipe, Service } from '../process/service.ts'
import { type Supervised, startSupervised } from '../process/supervised.ts'
import type { ServerTls } from '../tls-files.ts'
import { busOffset } from './cluster-bus.ts'

export interface RedisServerOptions {
  /** @default a free one */
  readonly port?: number
  /** Where it keeps its data; `close` leaves it there. @default a temporary one */
  readonly folder?: string
  /** `aof`: each write is on disk before it is answered (`appendfsync always`). @default 'none' */
  readonly persistence?: 'none' | 'aof'
  /** Further directives; they win over those above. */
  readonly config?: Readonly<Record<string, string | number>>
  /** Further arguments of the command line, after all others. */
  readonly args?: readonly string[]
  /** Only TLS is spoken then. */
  readonly tls?: ServerTls
  /** @default 15_000 */
  readonly readyTimeoutMs?: number
}

export interface RedisServer extends Service {
  /** Runs one command through `redis-cli` and returns what it prints; `-a password` and the like may come first. */
  cli(...args: (string | number)[]): Promise<string>
}

/** A Redis of its own. Nothing is kept on disk unless `persistence` says so; `DEBUG` is allowed. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const recipe: Recipe<Arrangement> = {
    name: 'redis-server',
    program: await program('redis-server', 'redis-server'),
    folder: options.folder,
    mayMove: options.port === undefined,
    readyTimeoutMs: options.readyTimeoutMs ?? 15_000,
    ready: /Ready to accept connections/,
    version: /Redis version=([\d.]+)/,
    arrange: async (_home, folder) => {
      // Nodes of a cluster talk among themselves on a second port.
      const isNode = options.config?.['cluster-enabled'] === 'yes'
      const port = options.port ?? (await freePort(isNode ? busOffset : 0))
      const scheme = options.tls === undefined ? 'redis' : 'rediss'
      return {
        port,
        url: `${scheme}://127.0.0.1:${port}`,
        args: [...directives(options, port, folder), ...(options.args ?? [])],
      }
    },
  }
  return withCli(await startSupervised(recipe), options.tls)
}

function directives(options: RedisServerOptions, port: number, folder: string): readonly string[] {
  const { tls } = options
  const config: Record<string, string | number> = {
    port: tls === undefined ? port : 0,
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: options.persistence === 'aof' ? 'yes' : 'no',
    appendfsync: options.persistence === 'aof' ? 'always' : 'everysec',
    'enable-debug-command': 'local',
    ...(tls === undefined ? {} : tlsDirectives(tls, port)),
    ...options.config,
  }
  return Object.entries(config).flatMap(([name, value]) => [`--${name}`, String(value)])
}

function tlsDirectives(tls: ServerTls, port: number): Record<string, string | number> {
  return {
    'tls-port': port,
    'tls-cert-file': tls.cert,
    'tls-key-file': tls.key,
    'tls-ca-cert-file': tls.ca,
    'tls-auth-clients': tls.clientAuth === true ? 'yes' : 'no',
  }
}

const execute = promisify(execFile)

/** @internal also for Sentinels */
export function withCli(service: Supervised<Arrangement>, tls: ServerTls | undefined): RedisServer {
  const secure = tls === undefined ? [] : ['--tls', '--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key]
  return Object.assign(service, {
    async cli(...args: (string | number)[]): Promise<string> {
      const client = await program('redis-cli', 'redis-tools')
      const { stdout } = await execute(client, ['-p', String(service.port), ...secure, ...args.map(String)])
      return stdout.trimEnd()
    },
  })
}
