import type { Transport } from '@aether/core'
import { mqtt } from '@aether/transport-mqtt'
import { redis } from '@aether/transport-redis'
import { describe, expectTypeOf, it } from 'vitest'

import {
  AetherMagic,
  AetherTask,
  ConnectionConfig,
  MultiProtocolAetherMagic,
  ProtocolType,
  aethermagic,
  type AetherMessage,
  type TransportFactory,
} from '../../src/index.ts'

declare const transport: (options: object) => Transport
declare const aether: AetherMagic

describe('transports', () => {
  it('of ours are factories as they are', () => {
    expectTypeOf(mqtt).toExtend<TransportFactory>()
    expectTypeOf(redis).toExtend<TransportFactory>()
  })
})

describe('aethermagic', () => {
  it('knows which protocols it was given', () => {
    const { AetherMagic: Scoped } = aethermagic({ redis: transport })
    expectTypeOf(new Scoped({ protocol_type: ProtocolType.REDIS })).toEqualTypeOf<AetherMagic>()
    expectTypeOf(new Scoped({ protocol_type: 'redis' })).toEqualTypeOf<AetherMagic>()
    // @ts-expect-error MQTT has no transport here
    new Scoped({ protocol_type: 'mqtt' })
    // @ts-expect-error no such protocol
    aethermagic({ pigeon: transport })
    // @ts-expect-error a transport is not a factory
    aethermagic({ redis: transport({}) })
  })

  it('takes a config of the right protocol', () => {
    const { AetherMagic: Scoped } = aethermagic({ redis: transport })
    new Scoped(new ConnectionConfig({ protocol_type: 'redis' }))
    // @ts-expect-error MQTT has no transport here
    new Scoped(new ConnectionConfig({ protocol_type: 'mqtt' }))
  })

  it('needs a transport outside of a scope', () => {
    new AetherMagic({ transport })
    new MultiProtocolAetherMagic({ transport })
    // @ts-expect-error nothing to connect with
    new AetherMagic({ host: 'localhost' })
    // @ts-expect-error a misspelt option
    new AetherMagic({ transport, use_stream: true })
  })
})

describe('ProtocolType', () => {
  it('is the union of its values', () => {
    expectTypeOf<ProtocolType>().toEqualTypeOf<
      'mqtt' | 'redis' | 'http' | 'websocket' | 'zeromq' | 'rabbitmq'
    >()
    expectTypeOf(ProtocolType.REDIS).toEqualTypeOf<'redis'>()
  })

  it('is kept by a config', () => {
    const config = new ConnectionConfig({ protocol_type: ProtocolType.REDIS })
    expectTypeOf(config.protocol_type).toEqualTypeOf<'redis'>()
    expectTypeOf(new ConnectionConfig().protocol_type).toEqualTypeOf<ProtocolType>()
  })
})

describe('AetherTask', () => {
  it('takes what its callbacks say they get', () => {
    const task = new AetherTask({
      aether,
      job: 'mail',
      task: 'send',
      on_perform: async (ae_task, data: { email: string }) => {
        expectTypeOf(ae_task).toEqualTypeOf<AetherTask>()
        await ae_task.complete(true, { id: data.email.length })
      },
      on_complete: (_task, succeed, data: { id: number }) => {
        expectTypeOf(succeed).toEqualTypeOf<boolean>()
        expectTypeOf(data).toEqualTypeOf<{ id: number }>()
      },
    })
    expectTypeOf(task).toEqualTypeOf<AetherTask<{ email: string }>>()
    expectTypeOf(task.perform({ email: 'a' })).toEqualTypeOf<Promise<string>>()
    // @ts-expect-error its worker wants an e-mail address
    void task.perform({ email: 5 })
  })

  it('takes anything where nothing is said', () => {
    const task = new AetherTask({
      aether,
      job: 'mail',
      task: 'send',
      on_perform: (_task, data) => {
        expectTypeOf(data).toEqualTypeOf<unknown>()
      },
      on_status: (_task, complete, _succeed, progress, data) => {
        expectTypeOf(complete).toEqualTypeOf<boolean>()
        expectTypeOf(progress).toEqualTypeOf<number>()
        expectTypeOf(data).toEqualTypeOf<unknown>()
      },
    })
    expectTypeOf(task).toEqualTypeOf<AetherTask>()
    void task.perform()
    void task.perform({ anything: [1] })
  })

  it('lets on_status say what its data is', () => {
    new AetherTask({
      aether,
      job: 'mail',
      task: 'send',
      on_status: (_task, _complete, _succeed, _progress, data: { step: number }) => data.step,
    })
  })

  it('needs to know its AetherMagic, and in a scope must not', () => {
    // @ts-expect-error which one?
    new AetherTask({ job: 'mail', task: 'send' })
    const { AetherTask: Scoped } = aethermagic({ redis: transport })
    const task = new Scoped({
      job: 'mail',
      task: 'send',
      channel: 'a',
      on_perform: (_task, _data: number) => 1,
    })
    expectTypeOf(task).toEqualTypeOf<AetherTask<number>>()
    // @ts-expect-error it is found by its channel
    new Scoped({ job: 'mail', task: 'send', aether })
  })
})

describe('listen', () => {
  it('hands over tasks for perform, and messages for all else', () => {
    void aether.listen('j', 't', 'x', 'perform', 'workers', (task) => {
      expectTypeOf(task).toEqualTypeOf<AetherTask>()
    })
    void aether.listen('j', 't', 'x', 'complete', 'workers', (message) => {
      expectTypeOf(message).toEqualTypeOf<AetherMessage>()
    })
    // @ts-expect-error no such action
    void aether.listen('j', 't', 'x', 'explode', 'workers', () => 1)
    // @ts-expect-error only perform can be shared
    void aether.listen_for_shared({ job: 'j', task: 't', context: 'x', action: 'status', handler: () => 1 })
  })
})
