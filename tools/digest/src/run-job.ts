import { setMaxListeners } from 'node:events'

import { createBroker } from '@aether/broker'
import { type Aether, createAether, type Ledger } from '@aether/core'
import { tcp } from '@aether/transport-tcp'

import { findFiles } from './find-files.ts'
import { type JobState, jobTracker } from './job-state.ts'
import { performAll } from './perform-all.ts'
import { type KillReport, summarise, type Summary } from './summary.ts'
import { type WorkerPool, workerPool } from './worker-pool.ts'

export interface RunJobOptions {
  readonly folder: string
  /** Kills a worker with SIGKILL mid-way and starts it again. */
  readonly kill: boolean
  /** How a worker process is started. */
  readonly workerCommand: readonly [string, ...string[]]
  /** What the worker processes inherit. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Cancels the open tasks; the summary then tells how far the job has come. */
  readonly signal: AbortSignal
  /** Ends the workers at once. */
  readonly killSignal: AbortSignal
  /** Called once the files are known and the workers are there; what it returns is called when all is over. */
  readonly onStart: (state: JobState) => () => void
}

export interface JobOutcome {
  readonly summary: Summary
  /** Why the run could not go on, if it could not. */
  readonly failure: Error | undefined
}

const workerNames = ['worker-1', 'worker-2', 'worker-3']
const workerConcurrency = 32
/** As many as all workers take at a time: every open task is in some worker's hands. */
const inFlight = workerNames.length * workerConcurrency
const workerGraceMs = 5_000
const union = 'digest'

/** Digests every file of a folder: an embedded broker, three worker processes, one task a file. */
export async function runJob(options: RunJobOptions): Promise<JobOutcome> {
  const { folder, env, signal, killSignal } = options
  const stopping = new AbortController()
  const broker = createBroker({ port: 0 })
  await broker.start()
  const { url } = broker
  let failure: Error | undefined
  const pool = workerPool({
    names: workerNames,
    command: options.workerCommand,
    env: (name) => workerEnvironment(env, { name, url, folder }),
    onFailure(error) {
      failure = error
      stopping.abort(error)
    },
  })
  const killNow = (): void => pool.killAll()
  killSignal.addEventListener('abort', killNow)
  const aether = createAether({ union, name: 'digest', transport: tcp({ url }) })
  try {
    const anySignal = AbortSignal.any([signal, stopping.signal])
    const summary = await work(options, { pool, aether, signal: anySignal })
    return { summary, failure }
  } finally {
    killSignal.removeEventListener('abort', killNow)
    // The workers first: they leave with a word to the broker instead of looking for it.
    await pool.stop(workerGraceMs + 1_000)
    await aether.close()
    await broker.close()
  }
}

interface Parts {
  readonly pool: WorkerPool
  readonly aether: Aether
  readonly signal: AbortSignal
}

async function work(options: RunJobOptions, { pool, aether, signal }: Parts): Promise<Summary> {
  const { folder } = options
  // Looking for files and starting processes take about as long: both at once.
  const [found] = await Promise.all([findFiles(folder, { signal }), pool.start(), aether.start({ signal })])
  const tracker = jobTracker(found.files, workerNames)
  const { state } = tracker
  let killing: Promise<KillReport | undefined> | undefined
  // Half-way by files; with a single file, once a worker is known to be at it.
  const half = Math.floor(found.files.length / 2)
  const onChange = (): void => {
    if (options.kill && killing === undefined && state.done >= half) killing = killOne(state, pool)
  }
  // Each open task listens, and so does the sending of it.
  setMaxListeners(2 * inFlight + 10, signal)
  const finish = options.onStart(state)
  const startedAt = performance.now()
  await performAll({ aether, tracker, inFlight, signal, onChange })
  const seconds = (performance.now() - startedAt) / 1_000
  finish()
  const ledger: Ledger = { ...aether.ledger }
  return summarise({ folder, found, state, ledger, seconds, killed: await killing })
}

/** Kills the worker which is known to have the most to lose, so that there is something to recover. */
async function killOne(state: JobState, pool: WorkerPool): Promise<KillReport> {
  const afterFiles = state.done
  const busy = [...state.open].find((record) => record.worker !== undefined)
  const worker = busy?.worker ?? workerNames[0] ?? ''
  return { worker, afterFiles, ...(await pool.killAndRestart(worker)) }
}

interface WorkerSettings {
  readonly name: string
  readonly url: string
  readonly folder: string
}

/** The worker's own settings; none of ours that happens to be in the environment. */
function workerEnvironment(
  env: RunJobOptions['env'],
  { name, url, folder }: WorkerSettings,
): Record<string, string | undefined> {
  const inherited = Object.entries(env).filter(([key]) => !key.startsWith('AETHER_'))
  return {
    ...Object.fromEntries(inherited),
    AETHER_URL: url,
    AETHER_UNION: union,
    AETHER_NAME: name,
    AETHER_CONCURRENCY: String(workerConcurrency),
    AETHER_HANDLERS: JSON.stringify([{ module: 'builtin:files/digest', options: { root: folder } }]),
    AETHER_HTTP_PORT: '0',
    AETHER_GRACE_MS: String(workerGraceMs),
    AETHER_STOP_ON_STDIN_END: 'true',
  }
}
