import type { Logger, TaskContext, TaskDefinition, TaskHandler } from '@aether/core'

import type { HandlerEnvironment, HandlerRegistry } from '../src/handler-module.ts'

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export interface CapturedHandler {
  /** Calls the handler that the module registered, as a worker would. */
  call(input: unknown, context?: CallContext): Promise<unknown>
}

export interface CallContext {
  readonly signal?: AbortSignal
  readonly onStatus?: (percent: number, data: unknown) => void
}

/** Registers one handler module and hands out what it registered. */
export function capturedHandler(
  register: (worker: HandlerRegistry, environment: HandlerEnvironment) => void,
  options: Readonly<Record<string, unknown>> = {},
): CapturedHandler {
  const handlers: ((input: unknown, ctx: TaskContext) => unknown)[] = []
  const registry: HandlerRegistry = {
    handle<D extends TaskDefinition>(_: D, handler: TaskHandler<D>) {
      handlers.push(handler as (input: unknown, ctx: TaskContext) => unknown)
    },
  }
  register(registry, { options, logger: silentLogger, concurrency: 2 })
  return {
    async call(input, { signal = new AbortController().signal, onStatus } = {}) {
      const status = (percent: number, data: unknown): Promise<void> =>
        Promise.resolve(onStatus?.(percent, data))
      const ctx: Partial<TaskContext> = { signal, remainingMs: 60_000, status }
      return handlers[0]?.(input, ctx as TaskContext)
    },
  }
}
