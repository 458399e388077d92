import type { Capabilities, Transport } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import { type Environment, type EnvironmentOptions, proxiedEnvironment } from '@aether/testing'
import type { RedisOptions } from '../../src/options.ts'
import { createTransport, type QueueMode } from './worker-transport.ts'

const quick = { backoff: { initialMs: 20, maxMs: 200 }, attemptTimeoutMs: 2_000, keepAliveMs: 1_000 }

/** A Redis of its own for each case of the conformance suite, with a proxy before each transport. */
export async function queueEnvironment<C extends Capabilities>(
  mode: QueueMode,
  limits: EnvironmentOptions,
): Promise<Environment<C>> {
  const server = await startRedis({ persistence: 'aof' })
  const optionsFor = (port: number): RedisOptions => ({
    mode,
    url: `redis://127.0.0.1:${port}`,
    ...quick,
    ...limits,
  })
  return proxiedEnvironment<C>({
    port: server.port,
    engine: server,
    transport: (port, overrides) => createTransport({ ...optionsFor(port), ...overrides }) as Transport<C>,
    worker: {
      transportModule: new URL('worker-transport.ts', import.meta.url),
      transportOptions: optionsFor,
    },
    deadLetters: () => deadLetters(server),
    close: () => server.close(),
  })
}

async function deadLetters(server: RedisServer): Promise<readonly string[]> {
  const keys = (await server.cli('--raw', 'KEYS', 'aether:*/dead')).split('\n').filter((key) => key !== '')
  const lines = await Promise.all(keys.map((key) => server.cli('XRANGE', key, '-', '+')))
  // Lines of names and values in turn; binary values are quoted and never look like a tid.
  return lines.flatMap((text) => {
    const words = text.split('\n')
    return words.flatMap((word, index) => (words[index - 1] === 'tid' ? [word] : []))
  })
}
