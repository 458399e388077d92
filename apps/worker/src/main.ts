#!/usr/bin/env node
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'

import { isAetherError, type Transport } from '@aether/core'
import { tcp } from '@aether/transport-tcp'

import { describeConfig, loadConfig } from './config/load-config.ts'
import { settingNames, variableName, type WorkerConfig } from './config/settings.ts'
import { coreLogger, serviceLogger } from './service/logger.ts'
import { createService } from './service/service.ts'

const usage = `Usage: aether-worker [--config FILE]

Settings come from the environment, over the file (YAML or JSON; also AETHER_CONFIG), over defaults:
  ${settingNames.map((key) => `${key} (${variableName(key)})`).join('\n  ')}
`

/** How long the process may linger once everything is closed, for a handler that left something running. */
const lingerMs = 1_000

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return
  }
  run(
    await loadConfig({
      env: process.env,
      folder: process.cwd(),
      fallbackName: `${hostname()}-${process.pid}`,
      ...(values.config === undefined ? {} : { file: values.config }),
    }),
  )
}

function run(config: WorkerConfig): void {
  const pino = serviceLogger({ level: config.logLevel, name: config.name })
  const logger = coreLogger(pino)
  const createTransport = (): Transport =>
    tcp({ url: config.url, ...(config.token === undefined ? {} : { token: config.token }) })
  const onFailure = (): void => stop('lost connection', 1)
  const service = createService({ config, createTransport, logger, onFailure })
  let isStopping = false

  function stop(why: string, code: number): void {
    if (isStopping) return
    isStopping = true
    logger.info('draining', { why, graceMs: config.graceMs })
    service.drain().then(
      () => end(code),
      (error: unknown) => {
        logger.error('the drain failed', { error })
        end(1)
      },
    )
  }

  function end(code: number): void {
    logger.info('stopped', { code })
    process.exitCode = code
    process.stdin.destroy()
    setTimeout(() => process.exit(), lingerMs).unref()
  }

  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (!isStopping) stop(name, 0)
      else {
        logger.warn('stopping at once', { signal: name })
        process.exit(1)
      }
    })
  }
  process.on('uncaughtException', (error) => {
    pino.fatal({ error }, 'uncaught')
    process.exit(1)
  })
  if (config.stopOnStdinEnd) process.stdin.on('close', () => stop('standard input ended', 0)).resume()

  logger.info('starting', { pid: process.pid, config: describeConfig(config) })
  service.start().then(
    (http) => logger.info('ready', { pid: process.pid, http }),
    (error: unknown) => {
      // A stop during the start ends it with an error of its own, which is no failure.
      if (isStopping) return
      logger.error('cannot start', { error })
      end(1)
    },
  )
}

main().catch((error: unknown) => {
  // No logger yet: what is wrong with the configuration or the arguments, in plain words.
  process.stderr.write(
    `aether-worker: ${isAetherError(error) ? `${error.code}: ` : ''}${(error as Error).message}\n`,
  )
  process.exitCode = 2
})
