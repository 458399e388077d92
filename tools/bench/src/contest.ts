import { readFileSync } from 'node:fs'
import { contenderOf, type Scenario } from './scenarios.ts'
import type { Round } from './roles/role.ts'
import { loadContender } from './contenders/index.ts'
import { Seat } from './seat.ts'
import { type Server, startServer } from './server.ts'
import { quantile } from './statistics.ts'

/** One contender in one scenario: its server and its processes, idle between rounds. */
export interface Contest {
  readonly name: string
  readonly versions: Readonly<Record<string, string>>
  /** How many units of work fill a round. */
  count: number
  round(count: number): Promise<Measure>
  close(): Promise<void>
}

export interface Measure {
  readonly seconds: number
  /** In the unit of the scenario. */
  readonly value: number
  /** CPU time of all processes and the server per message, request or task. */
  readonly cpuUs: number
  readonly p99: number | undefined
}

const roundDeadlineMs = 120_000

export async function openContest(
  scenario: Scenario,
  name: string,
  nodeFlags: readonly string[] = [],
): Promise<Contest> {
  const contender = await loadContender(contenderOf(scenario, name))
  const server = await startServer(contender.server, nodeFlags)
  const seats: Seat[] = []
  try {
    // Both seats of a peer without a server look for each other: they must start together.
    seats.push(
      ...(await Promise.all(
        scenario.roles.map(({ role, width }) =>
          Seat.open({ contender: contender.name, role, url: server.url, width }, nodeFlags),
        ),
      )),
    )
  } catch (error) {
    await server.close()
    throw error
  }
  return {
    name,
    versions: {
      ...packageVersions(contender.packages),
      ...(server.version === '' ? {} : { [contender.server]: server.version }),
    },
    count: 0,
    round: (count) => measure(scenario, server, seats, { ...scenario.round, count }),
    async close() {
      // The driver first: a server that goes away under it would be an error to it.
      for (const seat of seats.toReversed()) await seat.close()
      await server.close()
    },
  }
}

async function measure(
  scenario: Scenario,
  server: Server,
  seats: readonly Seat[],
  round: Round,
): Promise<Measure> {
  const cpu = async (): Promise<number> =>
    (await Promise.all(seats.map((seat) => seat.cpuUs()))).reduce((sum, us) => sum + us, server.cpuUs())
  const listeners = seats.slice(0, -1).map((seat) => seat.round(round, roundDeadlineMs))
  await Promise.all(listeners.map((listener) => listener.armed))
  const cpuBefore = await cpu()
  const before = performance.now()
  const driver = (seats.at(-1) as Seat).round(round, roundDeadlineMs)
  const results = await Promise.all([...listeners.map((listener) => listener.done), driver.done])
  const seconds = (performance.now() - before) / 1000
  const cpuUs = ((await cpu()) - cpuBefore) / (round.count * scenario.multiple)
  const verified = results.reduce((sum, result) => sum + result.verified, 0)
  if (verified !== round.count * scenario.multiple)
    throw new Error(`${verified} of ${round.count * scenario.multiple} were verified`)
  const latencies = results.at(-1)?.latenciesUs?.toSorted((a, b) => a - b)
  if (latencies !== undefined)
    return { seconds, cpuUs, value: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) }
  const perSecond = (round.count * scenario.multiple) / seconds
  return { seconds, cpuUs, value: scenario.better === 'more' ? perSecond : 1e9 / perSecond, p99: undefined }
}

function packageVersions(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, packageVersion(name)]))
}

function packageVersion(name: string): string {
  // The manifest of a dependency lies beside this package's own modules; not every package exports it.
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
