import { AetherError, type Logger } from '@aether/core'
import { fastify } from 'fastify'
import type { Registry } from 'prom-client'

import type { ConsumePathReport } from './consume-path.ts'

export interface HttpServer {
  /** Resolves with its URL. Throws `ERR_AETHER_PORT_IN_USE`. */
  listen(): Promise<string>
  close(): Promise<void>
}

export type ServiceStatus = 'starting' | 'ready' | 'draining' | 'closed'

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  readonly logger: Logger
  readonly registry: Registry
  readonly consumePath: () => ConsumePathReport
  readonly status: () => ServiceStatus
}

/** Answers `/healthz` (does the consume path work?), `/readyz` (does it take tasks now?) and `/metrics` (Prometheus). */
export function httpServer(options: HttpServerOptions): HttpServer {
  const { host, port, logger, registry } = options
  const server = fastify({
    // A scraper's kept-alive connection must not hold up the end of the process.
    forceCloseConnections: true,
    bodyLimit: 1_024,
    requestTimeout: 10_000,
  })
  server.addHook('onError', async (request, _reply, error) => {
    logger.error('a request failed', { url: request.url, error })
  })
  server.get('/healthz', async (_request, reply) => {
    const report = options.consumePath()
    return reply.code(report.isHealthy ? 200 : 503).send({ ...report, status: options.status() })
  })
  server.get('/readyz', async (_request, reply) => {
    const status = options.status()
    const { isHealthy, reason } = options.consumePath()
    const isReady = status === 'ready' && isHealthy
    return reply
      .code(isReady ? 200 : 503)
      .send({ isReady, status, reason: status === 'ready' ? reason : `the worker is ${status}` })
  })
  server.get('/metrics', async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics())
  })
  return {
    async listen() {
      try {
        return await server.listen({ host, port })
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
        const text = `${host}:${port} is in use: set AETHER_HTTP_PORT to another port, or to 0 for any free one`
        throw new AetherError('ERR_AETHER_PORT_IN_USE', text, { cause, detail: { host, port } })
      }
    },
    close: () => server.close(),
  }
}
