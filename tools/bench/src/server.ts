import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contender.ts'

/** A server that the harness started for one contender, on a free port and in a folder of its own. */
export interface Server {
  readonly url: string
  readonly version: string
  /** Microseconds of CPU its process has used; 0 where there is none. */
  cpuUs(): number
  /** Resident memory of its process, after its garbage was collected where it can be asked to. */
  rssBytes(): Promise<number>
  close(): Promise<void>
}

/** Says which peer is missing, and how to get it. */
export class MissingPeer extends Error {}

interface Recipe {
  readonly command: string
  /** The Debian package that has it; undefined where npm brings it. */
  readonly debian?: string
  readonly args: (port: number, folder: string) => readonly string[]
  readonly scheme: string
  readonly config?: (port: number) => string
  readonly versionArgs?: readonly string[]
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

const recipes: Readonly<Record<Exclude<Contender['server'], 'none'>, Recipe>> = {
  aether: {
    command: process.execPath,
    args: (port) => ['--expose-gc', here('./servers/aether.js'), String(port)],
    scheme: 'aether',
  },
  aedes: {
    command: process.execPath,
    args: (port) => [here('./servers/aedes.js'), String(port)],
    scheme: 'mqtt',
  },
  nats: {
    command: 'nats-server',
    debian: 'nats-server',
    args: (port) => ['-a', '127.0.0.1', '-p', String(port)],
    scheme: 'nats',
    versionArgs: ['--version'],
  },
  redis: {
    command: 'redis-server',
    debian: 'redis-server',
    args: (port, folder) => [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ],
    scheme: 'redis',
    versionArgs: ['--version'],
  },
  mosquitto: {
    command: 'mosquitto',
    debian: 'mosquitto',
    args: (_port, folder) => ['-c', join(folder, 'config')],
    // A bench wants every message: no limit on what waits for the subscriber.
    config: (port) =>
      `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\nuser root\n`,
    scheme: 'mqtt',
    versionArgs: ['-h'],
  },
}

/** `nodeFlags` go to those servers that are Node processes. */
export async function startServer(
  kind: Contender['server'],
  nodeFlags: readonly string[] = [],
): Promise<Server> {
  if (kind === 'none') {
    const ports = [await freePort(), await freePort()]
    return {
      url: `tcp://${ports.join('/')}`,
      version: '',
      cpuUs: () => 0,
      rssBytes: async () => 0,
      close: async () => undefined,
    }
  }
  const recipe = recipes[kind]
  ensureInstalled(recipe)
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'aether-bench-'))
  if (recipe.config !== undefined) await writeFile(join(folder, 'config'), recipe.config(port))
  const log = join(folder, 'log')
  const logFile = openSync(log, 'w')
  const child = spawn(
    recipe.command,
    [...(recipe.debian === undefined ? nodeFlags : []), ...recipe.args(port, folder)],
    {
      cwd: folder,
      stdio: ['ignore', logFile, logFile, 'ipc'],
    },
  )
  closeSync(logFile)
  await untilListening(port, child, log)
  return {
    url: `${recipe.scheme}://127.0.0.1:${port}`,
    version: versionOf(recipe),
    cpuUs: () => cpuOf(child.pid as number),
    async rssBytes() {
      await collectGarbage(child)
      return rssOf(child.pid as number)
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGTERM')
        const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
        await exited
        clearTimeout(killer)
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function ensureInstalled(recipe: Recipe): void {
  if (recipe.debian === undefined || isOnPath(recipe.command)) return
  const mayInstall = process.getuid?.() === 0 && isOnPath('apt-get')
  if (mayInstall) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['update'], { stdio: 'ignore', env })
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', recipe.debian], {
      stdio: 'ignore',
      env,
    })
  }
  if (!isOnPath(recipe.command))
    throw new MissingPeer(`${recipe.command} is not installed: apt-get install ${recipe.debian}`)
}

function isOnPath(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
}

function versionOf(recipe: Recipe): string {
  if (recipe.versionArgs === undefined) return process.version
  const { stdout } = spawnSync(recipe.command, recipe.versionArgs, { encoding: 'utf8' })
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'unknown'
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function untilListening(port: number, child: ChildProcess, log: string): Promise<void> {
  const until = performance.now() + 15_000
  while (!(await accepts(port))) {
    if (child.exitCode !== null)
      throw new Error(
        `${child.spawnfile} ended with ${child.exitCode} before it listened:\n${readFileSync(log, 'utf8')}`,
      )
    if (performance.now() > until) throw new Error(`${child.spawnfile} did not listen on ${port} within 15 s`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Clock ticks of user and system time from /proc (100 a second on Linux). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function rssOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

async function collectGarbage(child: ChildProcess): Promise<void> {
  if (child.spawnfile !== process.execPath) return
  const collected = new Promise((resolve) => child.once('message', resolve))
  child.send('gc')
  await collected
}
