import {
  type Client,
  Codec,
  type CompleteFrame,
  findHeader,
  type Lease,
  Outcome,
  type TaskConsumer,
  type TaskSession,
  type WireError,
} from '@aether/wire'

export const route = 'shop/image/resize/x'

export interface Ending {
  readonly outcome: number
  readonly reason: number
  readonly attempt: number
  readonly body: string
  readonly code: string | undefined
  readonly message: string | undefined
}

export interface SendOptions {
  readonly tid?: string
  readonly route?: string
  readonly body?: Uint8Array
  readonly workgroup?: string
  readonly waitForWorkers?: boolean
  readonly priority?: number
  readonly attempts?: number
  readonly ttlMs?: number
  readonly delayMs?: number
  readonly deadlineMs?: number
}

interface Run {
  readonly statuses: string[]
  readonly resolve: (ending: Ending) => void
  readonly reject: (error: WireError) => void
}

export interface TestRun {
  readonly deduplicated: boolean
  /** `status progress body` of each. */
  readonly statuses: string[]
  readonly ending: Promise<Ending>
}

export interface ConsumeOptions {
  readonly route?: string
  readonly workgroup?: string
  readonly credit?: number
  readonly leaseMs?: number
}

const nothing = new Uint8Array(0)

/** Sends and works on tasks with little ado. */
export class TaskClient {
  readonly #session: TaskSession<Run>
  #sent = 0

  constructor(client: Client) {
    this.#session = client.tasks<Run>({
      onStatus: (run, frame, bytes) =>
        void run.statuses.push(
          `${frame.status} ${frame.progress} ${textOf(bytes.subarray(frame.bodyAt, frame.end))}`,
        ),
      onComplete: (run, frame, bytes) => run.resolve(endingOf(frame, bytes)),
      onLost: (run, error) => run.reject(error),
    })
  }

  async send(options: SendOptions = {}): Promise<TestRun> {
    const { run, ending } = newRun()
    this.#sent++
    const deduplicated = await this.#session.send(
      {
        route: options.route ?? route,
        deadlineAt: options.deadlineMs === undefined ? 0 : Date.now() + options.deadlineMs,
        fields: {
          tid: options.tid ?? `t${this.#sent}`,
          workgroup: options.workgroup ?? 'workers',
          waitForWorkers: options.waitForWorkers ?? true,
          priority: options.priority ?? 0,
          attempts: options.attempts ?? 3,
          ttlMs: options.ttlMs ?? 0,
          delayMs: options.delayMs ?? 0,
          codec: Codec.raw,
          headers: undefined,
          body: options.body ?? nothing,
        },
      },
      run,
    )
    return { deduplicated, statuses: run.statuses, ending }
  }

  async attach(tid: string): Promise<TestRun> {
    const { run, ending } = newRun()
    await this.#session.attach(route, tid, run)
    return { deduplicated: true, statuses: run.statuses, ending }
  }

  cancel(tid: string, reason: string = 'enough'): Promise<void> {
    return this.#session.cancel(route, tid, reason)
  }

  consume(handler: (lease: Lease) => void, options: ConsumeOptions = {}): Promise<TaskConsumer> {
    const { workgroup = 'workers', credit = 10, leaseMs = 30_000 } = options
    return this.#session.consume({ filter: options.route ?? route, workgroup, credit, leaseMs }, handler)
  }

  /** A consumer whose leases are there to be looked at. */
  async hold(options: ConsumeOptions = {}): Promise<Lease[]> {
    const leases: Lease[] = []
    await this.consume((lease) => void leases.push(lease), options)
    return leases
  }
}

/** Ends a task well. */
export function succeed(lease: Lease, body: string = 'done'): Promise<void> {
  return lease.ack(Outcome.succeed, { codec: Codec.raw, headers: undefined, body: Buffer.from(body) }, false)
}

export function failWith(
  lease: Lease,
  message: string,
  options: { readonly delayMs?: number } = {},
): Promise<void> {
  const headers = { e: 'ERR_AETHER_TASK_FAILED', m: message }
  return lease.release(options.delayMs ?? 0, true, { codec: Codec.none, headers, body: nothing })
}

export function bodyOf(lease: Lease): string {
  return textOf(lease.bytes.subarray(lease.bodyAt, lease.end))
}

function newRun(): { run: Run; ending: Promise<Ending> } {
  let resolve!: (ending: Ending) => void
  let reject!: (error: WireError) => void
  const ending = new Promise<Ending>((onEnd, onLost) => {
    resolve = onEnd
    reject = onLost
  })
  // Who does not look at the ending does not mind its loss.
  ending.catch(() => {})
  return { run: { statuses: [], resolve, reject }, ending }
}

function endingOf(frame: CompleteFrame, bytes: Uint8Array): Ending {
  return {
    outcome: frame.outcome,
    reason: frame.reason,
    attempt: frame.attempt,
    body: textOf(bytes.subarray(frame.bodyAt, frame.end)),
    code: findHeader(bytes, frame.headersAt, frame.headersEnd, 'e'),
    message: findHeader(bytes, frame.headersAt, frame.headersEnd, 'm'),
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
