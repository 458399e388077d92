import { systemClock, type Clock } from '../clock.ts'
import type { Codec } from '../codec/codec.ts'
import type { Middleware } from '../middleware/middleware.ts'
import { checkName } from '../topic/names.ts'
import type { Logger, Transport } from '../transport.ts'
import { checkMiddleware } from '../worker/worker-options.ts'
import type { AetherOptions } from './aether.ts'
import { checkFunction, checkKeys, optionsInvalid } from './check-options.ts'
import { randomLetters, tidSource } from './ids.ts'
import { silentLogger } from './silent-logger.ts'

export interface CheckedAetherOptions {
  readonly union: string
  readonly name: string
  readonly host: string
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  readonly createTid: () => string
  readonly codec: Codec | undefined
  readonly middleware: readonly Middleware[]
  /** By name, the default first. */
  readonly transports: readonly (readonly [string, Transport])[]
}

const where = 'createAether'

const known: ReadonlySet<string> = new Set([
  'union',
  'transport',
  'channels',
  'name',
  'host',
  'logger',
  'clock',
  'random',
  'createTid',
  'codec',
  'middleware',
] satisfies (keyof AetherOptions)[])

/** Fills in the defaults; throws `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_NAME_INVALID`. */
export function checkAetherOptions(options: AetherOptions): CheckedAetherOptions {
  checkKeys(where, options, known)
  const { logger = silentLogger, clock = systemClock, random = Math.random, codec } = options
  for (const method of ['debug', 'info', 'warn', 'error'] as const)
    checkFunction(where, `logger.${method}`, logger?.[method])
  for (const method of ['now', 'monotonic', 'setTimer'] as const)
    checkFunction(where, `clock.${method}`, clock?.[method])
  checkFunction(where, 'random', random)
  if (options.createTid !== undefined) checkFunction(where, 'createTid', options.createTid)
  return {
    union: checkName('union', options.union),
    name: checkName('client', options.name ?? `aether-${randomLetters()}`),
    host: checkName('client', options.host ?? 'localhost'),
    logger,
    clock,
    random,
    createTid: checkedTids(options.createTid),
    codec,
    middleware: checkMiddleware(where, options.middleware ?? []),
    transports: checkTransports(options),
  }
}

/** Ids of our own making are names; those of the application may be anything. */
function checkedTids(createTid: (() => string) | undefined): () => string {
  return createTid === undefined ? tidSource() : () => checkName('tid', createTid())
}

function checkTransports(options: AetherOptions): readonly (readonly [string, Transport])[] {
  const { transport, channels } = options
  if ((transport === undefined) === (channels === undefined)) {
    throw optionsInvalid(where, 'transport', 'given, or else channels: one of the two', transport)
  }
  if (transport !== undefined) return [['default', checkTransport('transport', transport)]]
  if (typeof channels !== 'object' || channels === null || Object.keys(channels).length === 0) {
    throw optionsInvalid(where, 'channels', 'an object of transports, by name', channels)
  }
  const transports = Object.entries(channels).map(
    ([name, each]) => [name, checkTransport(`channels.${name}`, each)] as const,
  )
  if (new Set(transports.map(([, each]) => each)).size < transports.length) {
    throw optionsInvalid(where, 'channels', 'a transport of its own each', channels)
  }
  return transports
}

function checkTransport(option: string, transport: Transport): Transport {
  if (typeof transport?.send !== 'function' || typeof transport.capabilities !== 'object') {
    throw optionsInvalid(where, option, 'a transport, as memory() or tcp({ … }) returns it', transport)
  }
  return transport
}
