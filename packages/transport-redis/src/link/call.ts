import type { Argument, Reply, Script } from './redis-link.ts'

/** What the driver takes as an argument. */
export type DriverArgument = string | number | Buffer

/** One call of a user of the link: it settles once, whatever its command does later. */
export class Call {
  readonly name: string
  readonly args: DriverArgument[]
  /** Where it is a run of a script by its hash. */
  readonly script: Script | undefined
  /** When it gives up being repeated; 0 before it first was. */
  until = 0
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: (() => void) | undefined
  isSettled = false

  constructor(
    what: { readonly name: string; readonly args: DriverArgument[]; readonly script?: Script },
    settle: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void },
    signal: AbortSignal | undefined,
  ) {
    this.name = what.name
    this.args = what.args
    this.script = what.script
    this.#resolve = settle.resolve
    this.#reject = settle.reject
    this.#signal = signal
    if (signal === undefined) return
    this.#onAbort = () => this.reject(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  resolve(reply: Reply): void {
    if (this.#settle()) this.#resolve(reply)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  #settle(): boolean {
    if (this.isSettled) return false
    this.isSettled = true
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}

/** Bytes as the driver knows them: it takes a plain `Uint8Array` for text. */
export function driverArgument(argument: Argument): DriverArgument {
  if (!(argument instanceof Uint8Array) || argument instanceof Buffer) return argument
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
}
