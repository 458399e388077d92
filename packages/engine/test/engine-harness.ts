import { createEngine } from '../src/index.ts'
import type {
  ConsumerSpec,
  DeadLetter,
  DispatchPolicy,
  Engine,
  EngineLimits,
  Lease,
  RevokeReason,
  Settlement,
  TaskSpec,
} from '../src/index.ts'

export type Effect =
  | { readonly kind: 'deliver'; readonly lease: Lease<string, string> }
  | { readonly kind: 'revoke'; readonly lease: Lease<string, string>; readonly reason: RevokeReason }
  | { readonly kind: 'settled'; readonly watcher: string; readonly settlement: Settlement<string> }
  | {
      readonly kind: 'completed'
      readonly route: string
      readonly workgroup: string
      readonly settlement: Settlement<string>
    }
  | { readonly kind: 'deadLettered'; readonly letter: DeadLetter<string> }

export interface Harness {
  readonly engine: Engine<string, string, string, string>
  /** Everything the engine said, in order. */
  readonly effects: Effect[]
  now(): number
  /** Moves the clock without a tick. */
  advance(ms: number): void
  /** Moves the clock and ticks, as a shell with a good timer would: at each `nextTickAt` on the way. */
  pass(ms: number): void
  of<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }>[]
  /** Deliveries so far. */
  leases(): Lease<string, string>[]
  last(): Lease<string, string>
  send(tid: string, spec?: Partial<TaskSpec<string>> & { route?: string; watcher?: string }): string
  consume(spec?: Partial<ConsumerSpec<string>>): number
}

export const route = 'shop/image/resize/x'

export function harness(
  options: {
    limits?: Partial<EngineLimits>
    dispatch?: DispatchPolicy
    random?: () => number
    resultBytes?: (result: unknown) => number
    startAt?: number
  } = {},
): Harness {
  let now = options.startAt ?? 1_000
  const effects: Effect[] = []
  const engine = createEngine<string, string, string, string>(
    {
      clock: { now: () => now },
      random: options.random ?? (() => 0),
      ...(options.dispatch === undefined ? {} : { dispatch: options.dispatch }),
      limits: options.limits ?? {},
      ...(options.resultBytes === undefined ? {} : { resultBytes: options.resultBytes }),
    },
    {
      deliver: (lease) => effects.push({ kind: 'deliver', lease }),
      revoke: (lease, reason) => effects.push({ kind: 'revoke', lease, reason }),
      settled: (watcher, settlement) => effects.push({ kind: 'settled', watcher, settlement }),
      completed: (name, workgroup, settlement) =>
        effects.push({ kind: 'completed', route: name, workgroup, settlement }),
      deadLettered: (letter) => effects.push({ kind: 'deadLettered', letter }),
    },
  )
  const of = <K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }>[] =>
    effects.filter((effect): effect is Extract<Effect, { kind: K }> => effect.kind === kind)
  const leases = (): Lease<string, string>[] => of('deliver').map((effect) => effect.lease)
  return {
    engine,
    effects,
    of,
    leases,
    now: () => now,
    advance(ms) {
      now += ms
    },
    pass(ms) {
      const end = now + ms
      for (let next = engine.nextTickAt(); next <= end; next = engine.nextTickAt()) {
        now = Math.max(now, next)
        engine.tick()
      }
      now = end
      engine.tick()
    },
    last() {
      const lease = leases().at(-1)
      if (lease === undefined) throw new Error('nothing was delivered')
      return lease
    },
    send(tid, { route: to = route, watcher, ...spec } = {}) {
      return engine.send(
        to,
        {
          tid,
          workgroup: 'workers',
          body: `body of ${tid}`,
          bytes: 10,
          priority: 0,
          delayMs: 0,
          ttlMs: 0,
          deadlineMs: 0,
          attempts: 3,
          waitForWorkers: true,
          ...spec,
        },
        watcher,
      )
    },
    consume(spec = {}) {
      return engine.consume({
        filter: route,
        workgroup: 'workers',
        credit: 1,
        leaseMs: 1_000,
        owner: 'a',
        ...spec,
      })
    },
  }
}
