import { silentLogger } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import { ReadyQueue } from '../../src/link/ready-queue.ts'
import { overLimit } from '../../src/link/server-limits.ts'
import { Subscriptions } from '../../src/link/subscriptions.ts'
import { resolveOptions } from '../../src/options.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.close())

const count = { name: 'count', lua: "return redis.call('INCR', KEYS[1])" }
const step = fc.constantFrom(
  'call',
  'call',
  'call',
  'burst',
  'kill commands',
  'kill listener',
  'turn',
  'flush',
)

test('a call runs once when it resolves, and at most once when it rejects', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const key = `count/${run++}`
      const options = { url: server.url, backoff: { initialMs: 1, maxMs: 5 } }
      const link = createLink(resolveOptions(options))
      await link.start(silentLogger)
      let [resolved, lost] = [0, 0]
      const calls: Promise<void>[] = []
      const call = (): void => {
        calls.push(
          link.run(count, [key], []).then(
            () => void resolved++,
            (error: unknown) => {
              expect(error).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true })
              lost++
            },
          ),
        )
      }
      for (const what of steps) {
        if (what === 'call') call()
        else if (what === 'burst') for (let index = 0; index < 50; index++) call()
        else if (what === 'kill commands')
          await server.cli('client', 'kill', 'type', 'normal', 'skipme', 'yes')
        else if (what === 'kill listener') await server.cli('client', 'kill', 'type', 'pubsub')
        else if (what === 'flush') await server.cli('script', 'flush')
        else await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(calls)
      const counted = Number(await server.cli('get', key))
      expect(counted).toBeGreaterThanOrEqual(resolved)
      expect(counted).toBeLessThanOrEqual(resolved + lost)
      await link.close()
    }),
    { numRuns: 25 },
  )
})

test('a subscription that was promised is heard, whenever the connection was lost', async () => {
  const publisher = createLink(resolveOptions({ url: server.url }))
  await publisher.start(silentLogger)
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(12), { minLength: 5, maxLength: 20 }), async (turns) => {
      const link = createLink(resolveOptions({ url: server.url, backoff: { initialMs: 1, maxMs: 2 } }))
      await link.start(silentLogger)
      const heard = new Set<string>()
      const standing: Promise<unknown>[] = [server.cli('client', 'kill', 'type', 'pubsub')]
      const names = turns.map((_, index) => `promised/${run}/${index}`)
      run++
      for (const [index, name] of names.entries()) {
        standing.push(link.subscribe(name, () => heard.add(name)))
        for (let turn = 0; turn < (turns[index] as number); turn++) {
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (index % 4 === 3) standing.push(server.cli('client', 'kill', 'type', 'pubsub'))
      }
      await Promise.all(standing)
      // The last kill may be noticed only now.
      await expect
        .poll(async () => {
          await Promise.all(names.map((name) => publisher.publish(name, Buffer.of(1))))
          return heard.size
        })
        .toBe(names.length)
      await link.close()
    }),
    { numRuns: 25 },
  )
  await publisher.close()
})

test('a command is refused exactly where its bytes are over a limit', () => {
  const argument = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.integer(),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(argument), fc.nat(200), fc.nat(2_000), (args, argumentBytes, commandBytes) => {
      const lengths = args.map((one) => (Buffer.isBuffer(one) ? one.length : Buffer.byteLength(String(one))))
      const total = lengths.reduce((sum, length) => sum + length + 16, 0)
      const isOver = lengths.some((length) => length > argumentBytes) || total > commandBytes
      expect(overLimit(args, { argumentBytes, commandBytes }) !== undefined).toBe(isOver)
    }),
  )
})

test('the server is told of a last handler exactly when nobody is left', () => {
  const change = fc.record({ add: fc.boolean(), name: fc.constantFrom('a', 'ä', 'b*'), who: fc.nat(2) })
  const handlers = [(): void => {}, (): void => {}, (): void => {}]
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const subscriptions = new Subscriptions(new ReadyQueue(1, 1), () => {})
      const model = new Map<string, number[]>()
      for (const { add, name, who } of changes) {
        const held = model.get(name) ?? []
        const handler = handlers[who] as () => void
        if (add) {
          subscriptions.add(false, name, handler)
          model.set(name, [...held, who])
          continue
        }
        const isHeld = held.includes(who)
        const rest = isHeld ? held.toSpliced(held.indexOf(who), 1) : held
        expect(subscriptions.remove(false, name, handler)).toBe(isHeld && rest.length === 0)
        model.set(name, rest)
      }
    }),
  )
})
