import { FrameType, FrameWriter, writePing, writeRequest, writeSubscribe } from '@aether/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientFrames } from './client-frames.ts'
import { RawClient } from './raw-client.ts'
import { brokers, until } from './running-broker.ts'
import { succeed, TaskClient } from './task-client.ts'

const { start, client } = brokers()
/** One of everything that a client may say. */
const samples: readonly ((writer: FrameWriter) => void)[] = [
  ...Object.values(clientFrames),
  (writer) => writeSubscribe(writer, 'u/j/t/x/+/complete'),
  (writer) => writeRequest(writer, 10, 50, 1, '', undefined, Buffer.from('body')),
  (writer) => writePing(writer, 3),
]

const stream = fc.array(fc.nat(samples.length - 1), { minLength: 1, maxLength: 30 }).map((picks) => {
  const writer = new FrameWriter()
  for (const pick of picks) samples[pick]!(writer)
  return Buffer.concat(writer.take())
})
const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 3 })
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 })

test('whatever a client sends, in whatever pieces: the broker never fails, and serves the others', async () => {
  const failures: unknown[] = []
  const quiet = (): void => {}
  const logger = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (...args: unknown[]) => void failures.push(args),
  }
  const broker = await start({ logger, limits: { maxRoutes: 50, groupTtlMs: 0 } })
  const [one, two] = [await client(broker), await client(broker)]
  const seen: string[] = []
  await one.subscribe('control', {
    // Ids belong to the broker: what is sent under a guessed one arrives here too.
    onMessage: (message) => void (message.text().startsWith('round ') && seen.push(message.text())),
  })
  const worker = new TaskClient(two)
  await worker.consume((lease) => void succeed(lease, 'fine'))
  const caller = new TaskClient(one)
  let round = 0
  await fc.assert(
    fc.asyncProperty(stream, damage, cuts, async (whole, wounds, splits) => {
      const bytes = Buffer.from(whole)
      for (const [where, value] of wounds) bytes[Math.floor(where * (bytes.length - 1))] = value
      const raw = await RawClient.open(broker.address)
      raw.hello()
      await raw.next(FrameType.WELCOME)
      const places = splits.map((place) => Math.floor(place * bytes.length)).toSorted((a, b) => a - b)
      let at = 0
      for (const place of [...places, bytes.length]) {
        raw.socket.write(bytes.subarray(at, place))
        at = place
        await new Promise((resolve) => setImmediate(resolve))
      }
      round++
      two.publish('control', Buffer.from(`round ${round}`))
      expect((await (await caller.send({ tid: `control ${round}`.replace(' ', '-') })).ending).body).toBe(
        'fine',
      )
      await until(() => seen.at(-1) === `round ${round}`)
      raw.close()
    }),
    { numRuns: 300 },
  )
  expect(failures).toEqual([])
  await until(() => broker.stats().connections === 2)
  expect(broker.stats()).toMatchObject({ subscriptions: 1, requestsPending: 0 })
  expect(seen).toHaveLength(round)
}, 120_000)
