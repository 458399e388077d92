import fc from 'fast-check'

/** One command to the engine. Numbers named `of…` pick from what there is at that moment. */
export type Command =
  | {
      readonly type: 'send'
      readonly route: number
      readonly tid: number
      readonly workgroup: number
      readonly priority: number
      readonly delayMs: number
      readonly ttlMs: number
      readonly deadlineMs: number
      readonly attempts: number
      readonly bytes: number
      readonly waitForWorkers: boolean
      readonly watcher: number
    }
  | {
      readonly type: 'attach' | 'detach'
      readonly route: number
      readonly tid: number
      readonly watcher: number
    }
  | { readonly type: 'cancel'; readonly route: number; readonly tid: number }
  | {
      readonly type: 'consume'
      readonly filter: number
      readonly workgroup: number
      readonly credit: number
      readonly leaseMs: number
      readonly owner: number
      readonly pool: number
    }
  | { readonly type: 'close'; readonly ofConsumers: number }
  | { readonly type: 'disconnect' | 'heard'; readonly owner: number }
  | { readonly type: 'renew'; readonly ofLeases: number; readonly isStranger: boolean }
  | {
      readonly type: 'ack'
      readonly ofLeases: number
      readonly isStranger: boolean
      readonly outcome: number
      readonly deadLetter: boolean
    }
  | {
      readonly type: 'release'
      readonly ofLeases: number
      readonly delayMs: number
      readonly failed: boolean
    }
  | { readonly type: 'take'; readonly ofLetters: number }
  /** Lets time pass; `tick` calls the engine afterwards. */
  | { readonly type: 'pass'; readonly ms: number; readonly tick: boolean }

export const routes: readonly string[] = ['u/a/t/x', 'u/a/t/y', 'u/b/t/x', 'v/a/t/x']
export const filters: readonly string[] = ['u/a/t/x', 'u/a/t/+', '+/a/#', 'u/b/t/x']
export const workgroups: readonly string[] = ['workers', 'audit']
export const owners: readonly string[] = ['o1', 'o2', 'o3']

const index = fc.nat({ max: 1_000 })
const ms = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 100, max: 5_000 }))
const route = fc.nat({ max: routes.length - 1 })
const tid = fc.nat({ max: 11 })
const workgroup = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) })
const owner = fc.nat({ max: owners.length - 1 })
const watcher = fc.nat({ max: 3 })
// Mostly the newest lease; sometimes any, a stale one perhaps.
const lease = fc.oneof(fc.nat({ max: 2 }), index)
const rarely = fc.nat({ max: 9 }).map((n) => n === 0)

const send = fc.record({
  type: fc.constant('send' as const),
  route,
  tid,
  workgroup,
  priority: fc.constantFrom(0, 0, 5, 9),
  delayMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: ms }),
  ttlMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: ms }),
  deadlineMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: ms }),
  attempts: fc.integer({ min: 1, max: 3 }),
  bytes: fc.constantFrom(0, 10, 10, 40),
  waitForWorkers: fc.boolean(),
  watcher,
})

const consume = fc.record({
  type: fc.constant('consume' as const),
  filter: fc.nat({ max: filters.length - 1 }),
  workgroup,
  credit: fc.integer({ min: 1, max: 3 }),
  leaseMs: fc.constantFrom(20, 100, 3_000),
  owner,
  pool: fc.nat({ max: 3 }),
})

const others = fc.oneof(
  fc.record({ type: fc.constantFrom('attach' as const, 'detach' as const), route, tid, watcher }),
  fc.record({ type: fc.constant('cancel' as const), route, tid }),
  fc.record({ type: fc.constant('close' as const), ofConsumers: index }),
  fc.record({ type: fc.constantFrom('disconnect' as const, 'heard' as const), owner }),
  fc.record({ type: fc.constant('renew' as const), ofLeases: lease, isStranger: rarely }),
  fc.record({ type: fc.constant('take' as const), ofLetters: index }),
)

export const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: send },
    { weight: 3, arbitrary: consume },
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('ack' as const),
        ofLeases: lease,
        isStranger: rarely,
        outcome: fc.nat({ max: 1 }),
        deadLetter: rarely,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('release' as const),
        ofLeases: lease,
        delayMs: fc.oneof(fc.constant(0), ms),
        failed: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: others },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('pass' as const), ms, tick: fc.boolean() }) },
  ),
  { maxLength: 120, size: 'max' },
)
