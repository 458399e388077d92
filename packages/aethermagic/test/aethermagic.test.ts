import { memory } from '@aether/transport-memory'
import { until } from '@aether/testing'
import { describe, expect, it } from 'vitest'

import { aethermagic } from '../src/aethermagic.ts'
import { AetherMagic as Direct } from '../src/aether-magic.ts'
import { AetherTask as Task } from '../src/aether-task.ts'
import { program } from './support/program.ts'
import { coded } from './support/coded.ts'

const invalid = 'ERR_AETHER_OPTIONS_INVALID'
const names = { job: 'my_service', task: 'process_data' } as const

describe('aethermagic', () => {
  it('hands each AetherMagic the transport of its protocol', () => {
    const { AetherMagic, asked } = program()
    new AetherMagic({ host: 'a' })
    new AetherMagic({ protocol_type: 'redis', host: 'b', use_streams: true })
    expect(asked.map(({ url }) => url)).toEqual(['mqtt://a:1883', 'redis://b:6379'])
  })

  it('takes nothing at all for MQTT on this machine, as Python does', () => {
    const { AetherMagic } = program()
    expect(new AetherMagic().config).toMatchObject({ protocol_type: 'mqtt', host: 'localhost', port: 1883 })
  })

  it('lets one AetherMagic bring a transport of its own', async () => {
    const { AetherMagic } = aethermagic({})
    const own = new AetherMagic({ transport: () => memory() })
    await expect(own.connect()).resolves.toBe(true)
    await own.close()
  })

  it.each<[string, () => unknown, RegExp]>([
    [
      'a protocol without transport',
      () => new (aethermagic({ mqtt: memory }).AetherMagic)({ protocol_type: 'redis' as never }),
      /protocol_type redis has no transport.*given mqtt/,
    ],
    ['an unknown protocol', () => aethermagic({ pigeon: memory } as never), /pigeon is unknown/],
    ['what is no factory', () => aethermagic({ mqtt: memory() as never }), /mqtt must be a function/],
    [
      'what makes no transport',
      () => new (aethermagic({ mqtt: () => ({}) as never }).AetherMagic)(),
      /must return a transport/,
    ],
    ['unknown options', () => aethermagic({}, { log: 1 } as never), /log is unknown/],
    ['null', () => aethermagic(null as never), /must be an object/],
    ['null for an AetherMagic', () => new (aethermagic({}).AetherMagic)(null as never), /must be an object/],
    ['null for an AetherTask', () => new (aethermagic({}).AetherTask)(null as never), /must be an object/],
    [
      'an AetherTask without AetherMagic',
      () => new Task({ ...names } as never),
      /aether must be an AetherMagic/,
    ],
    ['an AetherMagic without transport', () => new Direct({} as never), /transport must be a function/],
    ['a misspelt option', () => new Direct({ transport: memory, hots: 'a' } as never), /hots is unknown/],
    ['concurrency 0', () => new Direct({ transport: memory, concurrency: 0 }), /concurrency/],
    [
      'half a logger',
      () => new Direct({ transport: memory, logger: { debug() {} } as never }),
      /logger\.info/,
    ],
  ])('refuses %s', (_, make, text) => {
    expect(make).toThrow(coded(invalid, text))
  })
})

describe('an AetherTask finds its AetherMagic', () => {
  it('by its channel', async () => {
    const { AetherMagic, AetherTask, mqttHub, redisHub } = program()
    const messaging = new AetherMagic({ protocol_type: 'mqtt', channel: 'messaging' })
    new AetherMagic({ protocol_type: 'redis', channel: 'caching' })
    await messaging.add_task({ ...names, context: 'x', callback: () => 1, shared: true })
    await new AetherTask({ ...names, channel: 'messaging' }).perform()
    await until(() => mqttHub.stats().succeeded === 1, { what: 'done' })
    expect(redisHub.stats().accepted).toBe(0)
    await expect(new AetherTask({ ...names, channel: 'caching' }).perform()).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
  })

  it('without a channel: the one that has none, or else the first', async () => {
    const { AetherMagic, AetherTask, mqttHub, redisHub } = program()
    const first = new AetherMagic({ protocol_type: 'redis', channel: 'caching' })
    await first.add_task({ ...names, context: 'x', callback: () => 1, shared: true })
    await new AetherTask(names).perform()
    await until(() => redisHub.stats().succeeded === 1, { what: 'done' })
    const plain = new AetherMagic({ protocol_type: 'mqtt' })
    await plain.add_task({ ...names, context: 'x', callback: () => 1, shared: true })
    await new AetherTask(names).perform()
    await until(() => mqttHub.stats().succeeded === 1, { what: 'done' })
  })

  it('or is refused: none, none of that name, several of it', () => {
    const { AetherMagic, AetherTask } = program()
    const unknown = 'ERR_AETHER_CHANNEL_UNKNOWN'
    expect(() => new AetherTask(names)).toThrow(coded(unknown, /make one before its tasks/))
    new AetherMagic({ channel: 'messaging' })
    expect(() => new AetherTask({ ...names, channel: 'massaging' })).toThrow(
      coded(unknown, /"massaging": there are "messaging"/),
    )
    new AetherMagic({ channel: 'messaging' })
    expect(() => new AetherTask({ ...names, channel: 'messaging' })).toThrow(
      coded(unknown, /2 AetherMagic have channel "messaging"/),
    )
  })

  it('not among those that are closed', async () => {
    const { AetherMagic, AetherTask } = program()
    const one = new AetherMagic({ channel: 'messaging' })
    await one.close()
    expect(() => new AetherTask({ ...names, channel: 'messaging' })).toThrow(
      coded('ERR_AETHER_CHANNEL_UNKNOWN'),
    )
    new AetherMagic({ channel: 'messaging' })
    new AetherTask({ ...names, channel: 'messaging' })
  })

  it('not in another program', () => {
    const [one, other] = [program(), program()]
    new one.AetherMagic({ channel: 'messaging' })
    expect(() => new other.AetherTask({ ...names, channel: 'messaging' })).toThrow(
      coded('ERR_AETHER_CHANNEL_UNKNOWN'),
    )
  })
})
