import { startRedis } from '@aether/services'
import { until } from '@aether/testing'
import { expect, it } from 'vitest'
import { redis } from '../../src/index.ts'

/** What a transport to a server with this persistence warns of, once it has looked. */
async function warningsOf(persistence: 'none' | 'aof'): Promise<readonly string[]> {
  await using server = await startRedis({ persistence })
  const warnings: string[] = []
  const silent = (): void => undefined
  const logger = { debug: silent, info: silent, error: silent, warn: (text: string) => warnings.push(text) }
  const transport = redis({ url: server.url })
  await transport.start({ union: 'u', client: 'c', host: 'h', onEvent: silent, logger })
  const isAsked = async (): Promise<boolean> =>
    (await server.cli('INFO', 'commandstats')).includes('cmdstat_info:')
  await until(isAsked)
  // Answers come in order: after this one the other one is here.
  await transport.cancel({ union: 'u', job: 'j', task: 't', context: 'x' }, 'unknown', '').catch(silent)
  await transport.close()
  return warnings
}

it('a server that forgets what it accepted is warned of, one that writes it down is not', async () => {
  expect(await warningsOf('none')).toEqual([expect.stringContaining('appendonly no')])
  expect(await warningsOf('aof')).toEqual([])
})
