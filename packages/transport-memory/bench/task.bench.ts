// `node --conditions=@aether/source --import tsx bench/task.bench.ts [TASKS]`: from perform to complete within one process: core and the engine, no network.
import { createAether, defineTask } from '@aether/core'

import { memory } from '../src/index.ts'

const echo = defineTask({ job: 'bench', task: 'echo' })
const inFlight = 256

async function main(): Promise<void> {
  const tasks = Number(process.argv[2] ?? 100_000)
  const aether = createAether({ union: 'bench', transport: memory() })
  const worker = aether.worker({ concurrency: inFlight, presenceMs: 0 }).handle(echo, (input) => input)
  await worker.start()
  await perform(Math.min(tasks, 20_000))
  const rounds = 5
  const results: { readonly perSecond: number; readonly cpuMicros: number }[] = []
  for (let round = 0; round < rounds; round += 1) {
    const cpu = process.cpuUsage()
    const startedAt = performance.now()
    await perform(tasks)
    const seconds = (performance.now() - startedAt) / 1_000
    const { user, system } = process.cpuUsage(cpu)
    results.push({ perSecond: tasks / seconds, cpuMicros: (user + system) / tasks })
  }
  results.sort((one, other) => one.perSecond - other.perSecond)
  const median = results[Math.floor(rounds / 2)]
  const worst = results[0]
  const best = results.at(-1)
  const shown = (value: number | undefined): string => Math.round(value ?? 0).toLocaleString('en')
  process.stdout.write(
    `perform → complete, ${String(inFlight)} in flight: ${shown(median?.perSecond)} tasks/s ` +
      `(${shown(worst?.perSecond)}–${shown(best?.perSecond)}), ${(median?.cpuMicros ?? 0).toFixed(1)} CPU-µs a task\n`,
  )
  await aether.close()

  /** Each reply is verified. */
  async function perform(count: number): Promise<void> {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < count) {
        const n = next
        next += 1
        if ((await aether.perform(echo, n)) !== n) throw new Error(`task ${String(n)} came back as another`)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
  }
}

await main()
