import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createAether, defineTask, type Run } from '@aether/core'
import type { Measure } from '../contest.ts'
import { loadContender } from '../contenders/index.ts'
import { type Report, reportOf } from '../report.ts'
import { contenderOf, type Scenario } from '../scenarios.ts'
import { type Server, startServer } from '../server.ts'
import { openTransport } from '../transports.ts'
import type { HolderMessage, HolderSpec } from './worker-process.ts'

export const recoverScenario: Scenario = {
  name: 'redis-recover',
  what: 'from SIGKILL of a worker until all of its tasks run in another process, over Redis streams',
  unit: 'leases',
  better: 'less',
  peers: [],
  contenders: { ours: 'aether-redis-streams' },
  limits: { limit: 1.5 },
  bars: { limit: 1 },
  roles: [],
  round: { size: 0, inFlight: 16, steps: 0 },
  multiple: 1,
}

const leaseMs = 3_000
const deadlineMs = 10 * leaseMs

/** Each round on a server of its own, with two worker processes. */
export async function runRecover(
  scenario: Scenario,
  rounds: number,
  say: (line: string) => void,
): Promise<Report> {
  const name = contenderOf(scenario, 'ours')
  const contender = await loadContender(name)
  const ours: Measure[] = []
  let version = ''
  for (let index = 0; index < rounds; index++) {
    const server = await startServer(contender.server)
    version = server.version
    try {
      const seconds = await recoverOnce(name, server, scenario.round.inFlight)
      ours.push({ value: (seconds * 1000) / leaseMs, seconds, cpuUs: 0, p99: undefined })
      say(
        `${scenario.name}: round ${index + 1} ours ${seconds.toFixed(2)} s with a lease of ${leaseMs / 1000} s`,
      )
    } finally {
      await server.close()
    }
  }
  return reportOf(scenario, new Map([['ours', ours]]), { [contender.server]: version }, {})
}

const hold = defineTask({ job: 'bench', task: 'hold', leaseMs, deadlineMs })

/** Seconds from the kill until the last of its tasks has begun in the other process. */
async function recoverOnce(contender: string, server: Server, count: number): Promise<number> {
  const spec: HolderSpec = { contender, url: server.url, leaseMs, concurrency: count }
  const aether = createAether({ union: 'bench', transport: await openTransport(contender, server.url) })
  await aether.start()
  const victim = await Holder.start(spec)
  let heir: Holder | undefined
  try {
    const runs = Array.from({ length: count }, (_, n): Run => aether.perform(hold, { n }))
    await victim.tookAll(count)
    heir = await Holder.start(spec)
    // At any moment between two renewals.
    await new Promise((resolve) => setTimeout(resolve, (Math.random() * leaseMs) / 3))
    const killedAt = performance.now()
    victim.kill()
    const lastAt = await heir.tookAll(count)
    heir.finish()
    const results = (await Promise.all(runs)) as { n: number }[]
    if (results.some(({ n }, index) => n !== index))
      throw new Error('a task ended with the result of another')
    return (lastAt - killedAt) / 1000
  } finally {
    victim.kill()
    heir?.kill()
    await aether.close()
  }
}

/** A worker process, as the harness sees it. */
class Holder {
  readonly #child: ChildProcess
  readonly #took = new Set<number>()
  #onTook: () => void = () => undefined
  #lastAt = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message: HolderMessage) => {
      if (message.kind !== 'took') return
      this.#took.add(message.n)
      this.#lastAt = performance.now()
      this.#onTook()
    })
  }

  static start(spec: HolderSpec): Promise<Holder> {
    const entry = fileURLToPath(new URL('./worker-process.js', import.meta.url))
    const child = fork(entry, [JSON.stringify(spec)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const holder = new Holder(child)
    return new Promise((resolve, reject) => {
      child.on('message', (message: HolderMessage) => {
        if (message.kind === 'ready') resolve(holder)
      })
      child.once('exit', (code) =>
        reject(new Error(`a worker process ended with ${code} before it was ready`)),
      )
    })
  }

  /** When the last of `count` different tasks was taken. */
  tookAll(count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#took.size} of ${count} tasks were taken within ${deadlineMs} ms`)),
        deadlineMs,
      )
      this.#onTook = () => {
        if (this.#took.size < count) return
        clearTimeout(timer)
        resolve(this.#lastAt)
      }
      this.#onTook()
    })
  }

  finish(): void {
    this.#child.send('finish')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
