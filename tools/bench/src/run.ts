import type { Scenario } from './scenarios.ts'
import { type Contest, type Measure, openContest } from './contest.ts'
import { MissingPeer } from './server.ts'
import { type Report, reportOf } from './report.ts'

export interface RunOptions {
  readonly rounds: number
  /** How long a measured round should take. */
  readonly roundMs: number
  readonly peers: readonly string[]
  /** Flags of every Node process that takes part. */
  readonly nodeFlags: readonly string[]
  readonly say: (line: string) => void
}

/** Runs a scenario: everyone set up once, warmed up, then measured in turns, so that a noisy minute hits all alike. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Report> {
  const contests: Contest[] = []
  const missing: Record<string, string> = {}
  const measures = new Map<string, Measure[]>()
  try {
    for (const name of ['ours', ...options.peers]) {
      const contest = await openOrMiss(scenario, name, options.nodeFlags, missing)
      if (contest === undefined) continue
      contests.push(contest)
      await calibrate(contest, options.roundMs, scenario)
      measures.set(name, [])
      options.say(`${scenario.name}: ${name} ready, ${contest.count} a round`)
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const contest of contests) {
        const measured = await contest.round(contest.count)
        measures.get(contest.name)?.push(measured)
        options.say(
          `${scenario.name}: round ${round + 1} ${contest.name} ${Math.round(measured.value)} ${scenario.unit}`,
        )
      }
    }
  } finally {
    for (const contest of contests) await contest.close()
  }
  const versions = Object.assign({}, ...contests.map((contest) => contest.versions)) as Record<string, string>
  return reportOf(scenario, measures, versions, missing)
}

async function openOrMiss(
  scenario: Scenario,
  name: string,
  nodeFlags: readonly string[],
  missing: Record<string, string>,
): Promise<Contest | undefined> {
  try {
    return await openContest(scenario, name, nodeFlags)
  } catch (error) {
    if (!(error instanceof MissingPeer)) throw error
    missing[name] = error.message
    return undefined
  }
}

/** Grows the count until a round is long enough to trust its rate; this warms the compilers up as well. */
async function calibrate(contest: Contest, roundMs: number, scenario: Scenario): Promise<void> {
  let count = scenario.better === 'less' ? 2_000 : 500
  for (;;) {
    const { seconds } = await contest.round(count)
    const wanted = Math.ceil((count * roundMs) / (seconds * 1000))
    if (seconds * 1000 > roundMs / 2) {
      contest.count = wanted
      return
    }
    count = Math.min(wanted, count * 8)
  }
}
