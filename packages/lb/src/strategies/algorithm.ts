import { checkFields, checkNumber, checkText, show } from '../check-options.ts'
import { LbError } from '../errors.ts'
import { reasonText } from '../reason-text.ts'
import { BoundedLoad } from './bounded-load.ts'
import { guardedFactory, invalidAlgorithm } from './guarded-strategy.ts'
import { IpHash } from './ip-hash.ts'
import { LeastConnections } from './least-connections.ts'
import { LeastLatency } from './least-latency.ts'
import { Maglev } from './maglev.ts'
import { QuantumAware, type QuantumAwareOptions } from './quantum-aware.ts'
import { RandomChoice } from './random-choice.ts'
import { Rendezvous } from './rendezvous.ts'
import { RingHash } from './ring-hash.ts'
import { RoundRobin } from './round-robin.ts'
import type { Strategy } from './strategy.ts'
import { LeastOfTwo, PeakEwmaOfTwo } from './two-choices.ts'
import { WeightedRoundRobin } from './weighted-round-robin.ts'

/** The algorithms that there are. */
export type AlgorithmName =
  | 'round-robin'
  | 'weighted-round-robin'
  | 'least-connections'
  | 'least-latency'
  | 'ip-hash'
  | 'quantum-aware'
  | 'p2c'
  | 'peak-ewma'
  | 'ring-hash'
  | 'maglev'
  | 'rendezvous'
  | 'random'

/** An algorithm with what it may be told; what belongs to another one is refused with `ERR_AETHER_ALGORITHM_INVALID`. */
export interface AlgorithmOptions extends QuantumAwareOptions {
  readonly name: AlgorithmName
  /** Hashes only: no backend above this times its share of what is under way; 1.25 is usual. @default none */
  readonly boundedLoad?: number
  /** `ring-hash` only. @default 160 */
  readonly points?: number
}

/** A name, a name with options, or a factory of a strategy of your own, see `Strategy`: a new one is made for each priority level and zone, and to look at. */
export type Algorithm = AlgorithmName | AlgorithmOptions | (() => Strategy)

type Build = (options: AlgorithmOptions) => Strategy

const hashes = ['ip-hash', 'ring-hash', 'maglev', 'rendezvous']
const terms = ['capabilityWeight', 'priorityWeight', 'loadWeight', 'latencyWeight'] as const

const builders: Readonly<Record<AlgorithmName, Build>> = {
  'round-robin': () => new RoundRobin(),
  'weighted-round-robin': () => new WeightedRoundRobin(),
  'least-connections': () => new LeastConnections(),
  'least-latency': () => new LeastLatency(),
  'ip-hash': () => new IpHash(),
  'quantum-aware': (options) => new QuantumAware(options),
  p2c: () => new LeastOfTwo(),
  'peak-ewma': () => new PeakEwmaOfTwo(),
  'ring-hash': (options) => new RingHash(options),
  maglev: () => new Maglev(),
  rendezvous: () => new Rendezvous(),
  random: () => new RandomChoice(),
}

/** Every algorithm, by name. */
export const algorithmNames: readonly AlgorithmName[] = Object.keys(builders) as AlgorithmName[]

/** Makes strategies of one algorithm; `ERR_AETHER_ALGORITHM_INVALID` for a name or options that do not exist. */
export function strategyFactory(algorithm: Algorithm): () => Strategy {
  if (typeof algorithm === 'function') return guardedFactory(algorithm)
  const options = checkAlgorithm(typeof algorithm === 'string' ? { name: algorithm } : algorithm)
  const build = builders[options.name]
  if (options.boundedLoad === undefined) return () => build(options)
  const factor = options.boundedLoad
  return () => new BoundedLoad(build(options), factor)
}

function checkAlgorithm(algorithm: AlgorithmOptions): AlgorithmOptions {
  try {
    return checkOptions(algorithm)
  } catch (error) {
    if (error instanceof LbError && error.code === 'ERR_AETHER_ALGORITHM_INVALID') throw error
    throw invalidAlgorithm(reasonText(error), error)
  }
}

function checkOptions(algorithm: AlgorithmOptions): AlgorithmOptions {
  const name: unknown = (algorithm as AlgorithmOptions | undefined)?.name
  if (typeof name !== 'string' || !Object.hasOwn(builders, name))
    throw invalidAlgorithm(`there is no algorithm ${show(name)}: there are ${algorithmNames.join(', ')}`)
  const known: string[] = ['name']
  if (hashes.includes(name)) known.push('boundedLoad')
  if (name === 'ring-hash') known.push('points')
  if (name === 'quantum-aware') known.push(...terms, 'workloads')
  checkFields(algorithm, `algorithm ${name}`, known)
  const { boundedLoad, points, workloads } = algorithm
  if (boundedLoad !== undefined)
    checkNumber(boundedLoad, 'algorithm.boundedLoad', { min: 1, above: true, max: 1_000 })
  if (points !== undefined) checkNumber(points, 'algorithm.points', { min: 1, max: 100_000, integer: true })
  if (workloads !== undefined) {
    const fields = checkFields(workloads, 'algorithm.workloads', Object.keys(Object(workloads)))
    for (const [workload, capability] of Object.entries(fields))
      checkText(capability, `algorithm.workloads.${workload}`)
  }
  const given = terms.filter((term) => algorithm[term] !== undefined)
  for (const term of given) checkNumber(algorithm[term], `algorithm.${term}`)
  if (given.length === terms.length && given.every((term) => algorithm[term] === 0))
    throw invalidAlgorithm('the terms of quantum-aware are all 0: at least one must count')
  return workloads === undefined ? { ...algorithm } : { ...algorithm, workloads: { ...workloads } }
}
