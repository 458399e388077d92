import { Seat } from './seat.ts'
import { startServer } from './server.ts'
import { loadContender } from './contenders/index.ts'
import { type Report, reportOf } from './report.ts'
import type { Measure } from './contest.ts'
import type { Scenario } from './scenarios.ts'

export const idleScenario: Scenario = {
  name: 'idle-10k',
  what: 'broker memory per idle connection at 10,000',
  unit: 'KiB/connection',
  better: 'less',
  peers: [],
  limits: { limit: 16 },
  bars: { limit: 1 },
  roles: [{ role: 'idler', width: 1 }],
  round: { size: 0, inFlight: 1, steps: 0 },
  multiple: 1,
}

const connections = 10_000

/** Memory of the broker's process before and after 10,000 connections, each round on a broker of its own. */
export async function runIdle(rounds: number, say: (line: string) => void): Promise<Report> {
  const ours: Measure[] = []
  for (let index = 0; index < rounds; index++) {
    const value = await idleKib()
    say(`${idleScenario.name}: round ${index + 1} ours ${value.toFixed(1)} ${idleScenario.unit}`)
    ours.push({ value, seconds: 0, cpuUs: 0, p99: undefined })
  }
  return reportOf(idleScenario, new Map([['ours', ours]]), {}, {})
}

async function idleKib(): Promise<number> {
  const contender = await loadContender('aether')
  const server = await startServer(contender.server)
  const seat = await Seat.open({ contender: 'aether', role: 'idler', url: server.url, width: 1 })
  try {
    // A first hundred warm the code up, so that compiled code is not counted as connections.
    const warm = 100
    await seat.round({ ...idleScenario.round, count: warm }, 60_000).done
    const before = await server.rssBytes()
    const more = await Seat.open({ contender: 'aether', role: 'idler', url: server.url, width: 1 })
    try {
      await more.round({ ...idleScenario.round, count: connections }, 120_000).done
      return ((await server.rssBytes()) - before) / connections / 1024
    } finally {
      await more.close()
    }
  } finally {
    await seat.close()
    await server.close()
  }
}
