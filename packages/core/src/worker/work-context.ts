import type { AetherError } from '../errors.ts'
import type { Delivery, Logger, Route } from '../transport.ts'
import { taskLogger } from './task-logger.ts'
import type { WorkHost } from './work-host.ts'

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** What a handler sees of its task, but for what it does with it. A base and no object beside it, as each task has one. */
export class WorkContext {
  headers: Readonly<Record<string, string>>
  protected readonly host: WorkHost
  protected readonly delivery: Delivery
  #controller: AbortController | undefined = undefined
  #abortReason: AetherError | undefined = undefined
  #log: Logger | undefined = undefined

  constructor(host: WorkHost, delivery: Delivery) {
    this.host = host
    this.delivery = delivery
    this.headers = delivery.task.headers ?? noHeaders
  }

  get tid(): string {
    return this.delivery.task.tid
  }

  get route(): Route {
    return this.delivery.task.route
  }

  get workgroup(): string {
    return this.host.workgroup
  }

  get attempt(): number {
    return this.delivery.attempt
  }

  get fence(): number {
    return this.delivery.attempt
  }

  get deadline(): number {
    return this.delivery.task.deadline
  }

  get remainingMs(): number {
    return Math.max(0, this.delivery.task.deadline - this.host.clock.now())
  }

  get draining(): AbortSignal {
    return this.host.draining
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  get log(): Logger {
    this.#log ??= taskLogger(this.host.logger, this)
    return this.#log
  }

  /** Why the handler was told to stop. */
  protected get abortReason(): AetherError | undefined {
    return this.#abortReason
  }

  protected abort(reason: AetherError): void {
    if (this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }
}
