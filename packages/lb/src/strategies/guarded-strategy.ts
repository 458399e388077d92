import type { Backend } from '../backends/backend.ts'
import { LbError } from '../errors.ts'
import { reasonText } from '../reason-text.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/**
 * A strategy of a user's own. What it throws, and backends that it must not pick, become `ERR_AETHER_ALGORITHM_INVALID` of the pick, before a slot is taken;
 * what `update` throws is told by each pick until the next `update`, since health and timers call that too and could tell nobody.
 */
export class GuardedStrategy implements Strategy {
  readonly name: string
  readonly ranksPriorities: boolean
  readonly placesBy?: 'key' | 'client'
  private eligible: ReadonlySet<Backend> = new Set()
  private failure: LbError | undefined = undefined
  private readonly inner: Strategy

  constructor(inner: Strategy) {
    this.name = inner.name
    this.ranksPriorities = inner.ranksPriorities ?? false
    if (inner.placesBy !== undefined) this.placesBy = inner.placesBy
    this.inner = inner
  }

  update(view: StrategyView): void {
    this.eligible = new Set(view.eligible)
    this.failure = undefined
    try {
      this.inner.update(view)
    } catch (error) {
      this.failure = this.broken('update', error)
    }
  }

  pick(picking: Picking): Backend | undefined {
    if (this.failure !== undefined) throw this.failure
    let backend: Backend | undefined
    try {
      backend = this.inner.pick(picking)
    } catch (error) {
      throw this.broken('pick', error)
    }
    if (backend === undefined) return undefined
    if (!this.eligible.has(backend))
      throw this.invalid(`picked ${nameOf(backend)}, which is none of its eligible backends`)
    if (!picking.accepts(backend))
      throw this.invalid(`picked ${nameOf(backend)}, which does not accept the request`)
    return backend
  }

  private broken(method: string, cause: unknown): LbError {
    return this.invalid(`threw in ${method}: ${reasonText(cause)}`, cause)
  }

  private invalid(what: string, cause?: unknown): LbError {
    return invalidAlgorithm(`algorithm "${this.name}" ${what}`, cause)
  }
}

export function invalidAlgorithm(message: string, cause?: unknown): LbError {
  return new LbError('ERR_AETHER_ALGORITHM_INVALID', message, cause === undefined ? {} : { cause })
}

/**
 * Guarded strategies from a user's factory, which must make a new one each time: each keeps the backends of one level and zone. Throws for the first one that
 * is none; what is wrong with a later one is told by its picks, since it is made where nobody could be told.
 */
export function guardedFactory(make: () => Strategy): () => Strategy {
  const made = new WeakSet<Strategy>()
  let name = ''
  return () => {
    try {
      // One to look at: a factory that gives the same one twice shows with the second.
      if (name === '') makeOne(make, made)
      const strategy = makeOne(make, made)
      name = strategy.name
      return new GuardedStrategy(strategy)
    } catch (error) {
      if (name === '') throw error
      const update = (): never => {
        throw error
      }
      return new GuardedStrategy({ name, update, pick: () => undefined })
    }
  }
}

function makeOne(make: () => Strategy, made: WeakSet<Strategy>): Strategy {
  let strategy: Strategy
  try {
    strategy = make()
  } catch (error) {
    throw invalidAlgorithm('the factory of the algorithm threw', error)
  }
  checkStrategy(strategy)
  if (made.has(strategy))
    throw invalidAlgorithm(
      `the factory of algorithm "${strategy.name}" gave the same strategy twice: make a new one each time`,
    )
  made.add(strategy)
  return strategy
}

function checkStrategy(strategy: Strategy): void {
  const { name, update, pick, placesBy, ranksPriorities } = Object(strategy) as Partial<Strategy>
  if (typeof name !== 'string' || name === '' || typeof update !== 'function' || typeof pick !== 'function')
    throw invalidAlgorithm('a strategy of your own must have a name, and the methods update and pick')
  if (placesBy !== undefined && placesBy !== 'key' && placesBy !== 'client')
    throw invalidAlgorithm(`algorithm "${name}" may place by 'key' or 'client', not ${String(placesBy)}`)
  if (ranksPriorities !== undefined && typeof ranksPriorities !== 'boolean')
    throw invalidAlgorithm(`ranksPriorities of algorithm "${name}" must be true or false`)
}

function nameOf(backend: unknown): string {
  const id = (Object(backend) as { readonly id?: unknown }).id
  return typeof id === 'string' ? `backend "${id}"` : 'what is no backend'
}
