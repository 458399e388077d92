/** A server that a test or bench started for itself. It listens on the loopback interface only, and ends with the process that started it, however that ends. */
export interface Service {
  readonly port: number
  readonly url: string
  /** Of the server that runs, or ran last: another after each restart. */
  readonly pid: number
  /** Where it keeps its data: its own temporary folder, or the one that was given. */
  readonly folder: string
  /** As the server names it. */
  readonly version: string
  /** All that it has said, since the first start; also after `close`. */
  readonly log: () => string
  /** SIGKILL; resolves when the process is gone. A later `restart` finds what it left in its folder. */
  kill(): Promise<void>
  /** Ends it in order if it runs, and starts it on the same port and folder; resolves when it answers. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nothing is answered. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Kills it and removes its temporary folder (a given folder stays). Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** How one start of a server looks: decided anew when a port turns out to be taken. */
export interface Arrangement {
  readonly port: number
  readonly url: string
  readonly args: readonly string[]
}

export interface Recipe<A extends Arrangement> {
  /** In messages: `redis-server`. */
  readonly name: string
  readonly program: string
  /** Where the data goes; a folder of its own where it is undefined. */
  readonly folder: string | undefined
  /** Ports were chosen by us: another choice may be made when they are taken. */
  readonly mayMove: boolean
  readonly readyTimeoutMs: number
  /** Writes what the server needs into `home` and chooses ports. */
  readonly arrange: (home: string, folder: string) => Promise<A>
  /** What it says once it listens: in its own log, since another process may answer at that port. */
  readonly ready: RegExp
  readonly version: RegExp
}
