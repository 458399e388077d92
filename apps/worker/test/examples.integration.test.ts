import { createBroker } from '@aether/broker'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { child, readyWorker } from './child-process.ts'

it('the example works as the README shows it', async () => {
  const broker = createBroker({ port: 0, drainGraceMs: 0 })
  onTestFinished(() => broker.close())
  await broker.start()
  const { port } = broker.address
  const examples = join(import.meta.dirname, '..', 'examples')
  const module = join(examples, 'handlers.ts')
  await readyWorker({
    port,
    handlers: [{ module, options: { word: 'Good evening' } }, 'builtin:text/stats'],
    env: { AETHER_UNION: 'aether' },
  })
  const client = child(join(examples, 'perform.ts'), [], { AETHER_URL: `tcp://127.0.0.1:${port}` })
  expect(await client.exited, client.stderr()).toBe(0)
  expect(client.stdout()).toBe('Good evening, world!\n2 words, 12 characters\n')
})
