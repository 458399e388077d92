import type { Logger } from '@aether/core'
import { createMemoryHub, type MemoryHub } from '@aether/transport-memory'
import { afterEach } from 'vitest'

import { aethermagic, type AetherMagicScope } from '../../src/aethermagic.ts'
import type { AetherMagic } from '../../src/aether-magic.ts'
import type { TransportOptions } from '../../src/transport-options.ts'

export interface Program extends AetherMagicScope<'mqtt' | 'redis'> {
  /** The engine behind `protocol_type: 'mqtt'`. */
  readonly mqttHub: MemoryHub
  readonly redisHub: MemoryHub
  /** What the factories were handed. */
  readonly asked: TransportOptions[]
  /** What was logged, as `level message`. */
  readonly log: string[]
  /** Every AetherMagic made, closed after the test. */
  readonly made: AetherMagic[]
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

export function recorder(log: string[]): Logger {
  const at = (level: string) => (message: string) => void log.push(`${level} ${message}`)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** One program with two engines in memory. */
export function program(): Program {
  const [mqttHub, redisHub] = [createMemoryHub(), createMemoryHub()]
  const [asked, log]: [TransportOptions[], string[]] = [[], []]
  const behind = (hub: MemoryHub) => (options: TransportOptions) => {
    asked.push(options)
    return hub.transport()
  }
  const scope = aethermagic({ mqtt: behind(mqttHub), redis: behind(redisHub) }, { logger: recorder(log) })
  const made: AetherMagic[] = []
  class Noted extends scope.AetherMagic {
    constructor(...args: ConstructorParameters<typeof scope.AetherMagic>) {
      super(...args)
      made.push(this)
    }
  }
  closers.push(async () => {
    await Promise.all(made.map((each) => each.close({ signal: AbortSignal.abort() })))
    await Promise.all([mqttHub.close(), redisHub.close()])
  })
  return { ...scope, AetherMagic: Noted, mqttHub, redisHub, asked, log, made }
}
