import { AetherError, type Logger, type WaitOptions } from '@aether/core'
import { AetherMagic, type AetherMagicOptions } from './aether-magic.ts'
import { AetherTask } from './aether-task.ts'
import { ConnectionConfig, type ConnectionConfigOptions } from './connection-config.ts'
import { checkFunction, checkKeys, optionInvalid, optionMisplaced } from './errors.ts'
import { ProtocolType } from './protocol-type.ts'
import type { AetherTaskOptions, OwnTaskOptions } from './task-options.ts'
import type { TransportFactories, TransportFactory } from './transport-options.ts'

export interface ScopedMagicOptions<P extends ProtocolType = ProtocolType> extends Omit<
  AetherMagicOptions<P>,
  'transport'
> {
  /** @default the factory given for its protocol */
  readonly transport?: TransportFactory | undefined
}

export interface ScopedTaskOptions<Data = unknown> extends AetherTaskOptions<Data> {
  /** Of which AetherMagic. @default the one without a channel, or else the first made */
  readonly channel?: string | undefined
}

/** The two classes as a Python program has them: what one makes, the other finds by its channel. */
export interface AetherMagicScope<P extends ProtocolType = ProtocolType> {
  readonly AetherMagic: new (options?: ScopedMagicOptions<P>) => AetherMagic
  /** Its name in Python's older programs. */
  readonly MultiProtocolAetherMagic: new (options?: ScopedMagicOptions<P>) => AetherMagic
  /** Throws `ERR_AETHER_CHANNEL_UNKNOWN` where no AetherMagic has its channel, or several have. */
  readonly AetherTask: new <Data = unknown>(options: ScopedTaskOptions<Data>) => AetherTask<Data>
}

/**
 * Makes `AetherMagic` and `AetherTask` for one program: with the transports it installed, and with a memory of which AetherMagic there are, where Python has one per
 * thread. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * // aether.ts, which the rest of the program imports as Python imports `aethermagic`
 * export const { AetherMagic, AetherTask } = aethermagic({ mqtt, redis })
 */
export function aethermagic<T extends TransportFactories>(
  transports: T,
  options: { readonly logger?: Logger } = {},
): AetherMagicScope<keyof T & ProtocolType> {
  checkKeys('aethermagic', transports, new Set(Object.values(ProtocolType)))
  checkKeys('aethermagic', options, new Set(['logger']))
  for (const [protocol, factory] of Object.entries(transports))
    checkFunction('aethermagic', protocol, factory)
  const factories: TransportFactories = { ...transports }
  const { logger } = options
  const members = new Set<AetherMagic>()

  class ScopedMagic extends AetherMagic {
    constructor(own: ScopedMagicOptions = {}) {
      super(withTransport(own, factories, logger))
      members.add(this)
    }

    override close(wait: WaitOptions = {}): Promise<void> {
      members.delete(this)
      return super.close(wait)
    }
  }

  class ScopedTask<Data = unknown> extends AetherTask<Data> {
    constructor(own: ScopedTaskOptions<Data>) {
      super(withAether(own, members))
    }
  }

  return { AetherMagic: ScopedMagic, MultiProtocolAetherMagic: ScopedMagic, AetherTask: ScopedTask }
}

function withTransport(
  options: ScopedMagicOptions,
  factories: TransportFactories,
  shared: Logger | undefined,
): AetherMagicOptions {
  checkObject('AetherMagic', options)
  const { transport, concurrency, logger = shared, ...config } = options
  return { ...config, concurrency, logger, transport: transport ?? factoryFor(factories, config) }
}

function factoryFor(factories: TransportFactories, config: ConnectionConfigOptions): TransportFactory {
  const { protocol_type } = new ConnectionConfig(config)
  const factory = factories[protocol_type]
  if (factory !== undefined) return factory
  const given = Object.keys(factories).join(', ')
  throw optionMisplaced(
    'AetherMagic',
    `protocol_type ${protocol_type}`,
    `has no transport here: aethermagic({ … }) was given ${given === '' ? 'none' : given}`,
  )
}

function withAether<Data>(
  options: ScopedTaskOptions<Data>,
  members: ReadonlySet<AetherMagic>,
): OwnTaskOptions<Data> {
  checkObject('AetherTask', options)
  const { channel = '', ...own } = options
  return { ...own, aether: find(members, channel) }
}

function checkObject(where: string, options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw optionInvalid(where, 'options', 'an object', options)
}

/** As Python looks: without a channel the one that has none, or else the first. Two of the same name are no answer. */
function find(members: ReadonlySet<AetherMagic>, channel: string): AetherMagic {
  const all = [...members]
  const named = all.filter((each) => each.config.channel === channel)
  const found = named.length === 0 && channel === '' ? all.slice(0, 1) : named
  const [one] = found
  if (one !== undefined && found.length === 1) return one
  const there = all.map((each) => JSON.stringify(each.config.channel)).join(', ')
  const why = found.length > 1 ? `${found.length} AetherMagic have channel` : 'no AetherMagic has channel'
  throw new AetherError(
    'ERR_AETHER_CHANNEL_UNKNOWN',
    `${why} ${JSON.stringify(channel)}: ${there === '' ? 'make one before its tasks' : `there are ${there}`}`,
    { detail: { channel, known: all.map((each) => each.config.channel) } },
  )
}
