import type { EngineControl, Link } from '../harness.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { WorkerPool } from './worker-pool.ts'

/** Ends what a nemesis did. */
export type Recovery = () => Promise<void>

/** One kind of fault, ready to strike. */
export interface Nemesis {
  readonly name: string
  /** Strikes a target of its choice and resolves when the fault is in force; undefined where there was nothing to strike. */
  strike(random: SeededRandom): Promise<{ readonly target: string; readonly recover: Recovery } | undefined>
}

const nothing: Recovery = () => Promise.resolve()

/**
 * SIGKILL for one worker of the pool, which starts another in its place; never for the last that runs: on a slow machine each would be dead before the next has started, and none
 * would live as long as a task takes.
 */
export function killWorkers(pool: WorkerPool): Nemesis {
  return {
    name: 'kill',
    async strike(random) {
      if (pool.workers.length < 2) return undefined
      const worker = pool.pick(random)
      if (worker === undefined) return undefined
      await worker.kill()
      return { target: worker.name, recover: nothing }
    },
  }
}

/** SIGSTOP for one worker, SIGCONT as its recovery. */
export function freezeWorkers(pool: WorkerPool): Nemesis {
  return {
    name: 'freeze',
    async strike(random) {
      const worker = pool.pick(random)
      if (worker === undefined) return undefined
      await worker.freeze()
      return { target: worker.name, recover: () => worker.thaw() }
    },
  }
}

/** The connection of one worker ends and stays away. */
export function cutWorkers(pool: WorkerPool): Nemesis {
  return {
    name: 'cut',
    async strike(random) {
      const worker = pool.pick(random)
      if (worker === undefined) return undefined
      await worker.cut()
      return { target: worker.name, recover: () => worker.heal() }
    },
  }
}

/** The engine stands still. */
export function freezeEngine(engine: EngineControl): Nemesis {
  return {
    name: 'freeze',
    async strike() {
      await engine.freeze()
      return { target: 'engine', recover: () => engine.thaw() }
    },
  }
}

/** The engine dies, and another takes its place. */
export function restartEngine(engine: EngineControl): Nemesis {
  return {
    name: 'restart',
    async strike() {
      await engine.kill()
      return { target: 'engine', recover: () => engine.restart() }
    },
  }
}

/** The connection of one transport ends and stays away. */
export function cutLink(link: Link, target: string): Nemesis {
  return {
    name: 'cut',
    async strike() {
      await link.cut()
      return { target, recover: () => link.heal() }
    },
  }
}
