import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cpuOf, rssOf } from './process-cost.ts'
import type { Server } from './server.ts'

/** What a server of ours says over IPC. */
export type ServerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'collected' }

const schemes = { aether: 'aether', aedes: 'mqtt' } as const

/** Starts a server that is a module of Node, in a process of its own; it ends with this one. */
export async function startNodeServer(
  kind: keyof typeof schemes,
  nodeFlags: readonly string[],
): Promise<Server> {
  const entry = fileURLToPath(new URL(`./servers/${kind}.js`, import.meta.url))
  const child = fork(entry, {
    execArgv: [...nodeFlags, '--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const { port } = await answer(child, 'listening')
  return {
    url: `${schemes[kind]}://127.0.0.1:${port}`,
    version: process.version,
    cpuUs: () => cpuOf(child.pid as number),
    async rssBytes() {
      const collected = answer(child, 'collected')
      child.send('gc')
      await collected
      return rssOf(child.pid as number)
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(killer)
    },
  }
}

function answer<K extends ServerMessage['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<ServerMessage, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const onMessage = (message: ServerMessage): void => {
      if (message.kind !== kind) return
      settle()
      resolve(message as Extract<ServerMessage, { kind: K }>)
    }
    const onExit = (code: number | null, signal: string | null): void => {
      settle()
      reject(new Error(`${child.spawnargs.at(-1)} ended with ${signal ?? code}`))
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}
