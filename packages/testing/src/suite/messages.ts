import type { CompleteEvent, Delivery, Route, StatusEvent, TaskMessage, TerminalStatus } from '@aether/core'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The bytes of `value` as JSON. */
export function jsonBody(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/** What `jsonBody` made the bytes of. */
export function readJson(body: Uint8Array | undefined): unknown {
  return body === undefined ? undefined : JSON.parse(decoder.decode(body))
}

/** A route of a case: its union, and a task name. */
export function routeOf(union: string, task = 'task', context = 'x'): Route {
  return { union, job: 'suite', task, context }
}

/** Of a task that does not ask for one: every transport takes it. */
export const defaultPriority = 4

let lastTid = 0

/** A tid that no other case of this process uses. */
export function newTid(label = 'tid'): string {
  lastTid += 1
  return `${label}-${String(lastTid)}`
}

/** A task with the defaults of the suite: workgroup `workers`, three attempts, a minute's deadline, waiting for workers. */
export function taskOf(route: Route, overrides: Partial<TaskMessage> = {}): TaskMessage {
  return {
    route,
    tid: newTid(),
    workgroup: 'workers',
    body: jsonBody({ n: 1 }),
    codec: 'json',
    attempts: 3,
    deadline: Date.now() + 60_000,
    ttlMs: 0,
    delayMs: 0,
    priority: defaultPriority,
    waitForWorkers: true,
    client: 'suite-client',
    host: 'suite',
    ...overrides,
  }
}

interface CompleteParts {
  readonly status?: TerminalStatus
  readonly workgroup?: string
  readonly body?: Uint8Array
  readonly codec?: CompleteEvent['codec']
  readonly error?: NonNullable<CompleteEvent['error']>
  readonly client?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The completion of a delivery: succeeded with `{done: attempt}` unless told otherwise. */
export function completeOf(delivery: Delivery, parts: CompleteParts = {}): CompleteEvent {
  const { task, attempt } = delivery
  return {
    action: 'complete',
    route: task.route,
    tid: task.tid,
    client: 'suite-worker',
    host: 'suite',
    status: 'succeed',
    attempt,
    workgroup: task.workgroup,
    body: jsonBody({ done: attempt }),
    codec: 'json',
    ...parts,
  }
}

/** Acks without being waited for: where the ack is refused, the case misses the completion. */
export function ackSoon(delivery: Delivery, parts: CompleteParts = {}): void {
  delivery.ack(completeOf(delivery, parts)).catch(() => undefined)
}

/** A progress event of a delivery. */
export function progressOf(
  delivery: Delivery,
  seq: number,
  progress: number,
  body?: Uint8Array,
): StatusEvent {
  const { task, attempt } = delivery
  const event = {
    action: 'status',
    route: task.route,
    tid: task.tid,
    client: 'suite-worker',
    host: 'suite',
    status: 'progress',
    progress,
    seq,
    attempt,
    workgroup: task.workgroup,
    codec: 'json',
  } as const
  return body === undefined ? event : { ...event, body }
}
