#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Broker, createBroker } from './broker.ts'
import { errorShape } from './errors.ts'
import type { BrokerLogger, BrokerOptions } from './options.ts'
import { version } from './version.ts'

const program = new Command('aether-broker')
  .description('The Aether broker: pub/sub, request/reply and leased task queues behind one TCP port.')
  .version(version)
  .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
  .option('--port <number>', 'port to listen on, 0 for a free one (default: 7411)', wholeNumber)
  .option('--config <file>', 'JSON file with the options of createBroker; the command line wins')
  .option('--max-payload <bytes>', 'largest payload of a message (default: 1048576)', wholeNumber)
  .option('--max-connections <number>', 'connections at a time (default: 20000)', wholeNumber)
  .option('--heartbeat <ms>', 'silence after which a connection is asked (default: 15000)', wholeNumber)
  .option('--drain-grace <ms>', 'how long running tasks may end after SIGTERM (default: 10000)', wholeNumber)
  .addOption(
    new Option('--dispatch <policy>', 'which worker gets the next task (default: most-credit)').choices([
      'most-credit',
      'round-robin',
      'random',
    ]),
  )
  .option('--verbose', 'also log what is no problem', false)
  .helpOption('-h, --help', 'show this')

interface Flags {
  readonly host?: string
  readonly port?: number
  readonly config?: string
  readonly maxPayload?: number
  readonly maxConnections?: number
  readonly heartbeat?: number
  readonly drainGrace?: number
  readonly dispatch?: NonNullable<BrokerOptions['dispatch']>
  readonly verbose: boolean
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** The options of the file, overridden by those of the command line. */
function optionsOf(flags: Flags): BrokerOptions {
  const given = {
    host: flags.host,
    port: flags.port,
    maxPayloadBytes: flags.maxPayload,
    maxConnections: flags.maxConnections,
    heartbeatMs: flags.heartbeat,
    drainGraceMs: flags.drainGrace,
    dispatch: flags.dispatch,
  }
  const named = Object.fromEntries(Object.entries(given).filter((entry) => entry[1] !== undefined))
  return { ...readConfig(flags.config), ...named, logger: stderrLogger(flags.verbose) }
}

function readConfig(file: string | undefined): BrokerOptions {
  if (file === undefined) return {}
  const config: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new Error('it holds no object')
  return config
}

/** One JSON object a line. */
function stderrLogger(isVerbose: boolean): BrokerLogger {
  const log =
    (level: string) =>
    (message: string, fields: object = {}): void => {
      process.stderr.write(
        `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`,
      )
    }
  const quiet = (): void => {}
  return {
    debug: isVerbose ? log('debug') : quiet,
    info: isVerbose ? log('info') : quiet,
    warn: log('warn'),
    error: log('error'),
  }
}

/** SIGTERM and SIGINT drain; a second one ends at once. */
function drainOnSignal(broker: Broker): void {
  const hurry = new AbortController()
  const onSignal = (): void => {
    if (broker.state.status === 'closing') hurry.abort()
    void broker.close({ signal: hurry.signal }).then(() => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onSignal)
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
}

async function main(): Promise<void> {
  const flags = program.parse().opts<Flags>()
  let options: BrokerOptions
  try {
    options = optionsOf(flags)
  } catch (error) {
    throw new Error(`Cannot read --config ${flags.config}: ${(error as Error).message}`, { cause: error })
  }
  const broker = createBroker(options)
  drainOnSignal(broker)
  await broker.start()
  process.stdout.write(`${broker.url}\n`)
}

main().catch((error: unknown) => {
  const isOurs = typeof (error as { readonly code?: unknown }).code === 'string'
  const text = isOurs ? `${errorShape(error).code}: ${errorShape(error).message}` : (error as Error).message
  process.stderr.write(`aether-broker: ${text}\n`)
  process.exitCode = 1
})
