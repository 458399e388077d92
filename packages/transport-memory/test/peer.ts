import type { CompleteEvent, Delivery, Route, StatusEvent, TaskMessage, Transport } from '@aether/core'

export const route: Route = { union: 'shop', job: 'suite', task: 'task', context: 'x' }

export interface StartedPeer {
  readonly events: (StatusEvent | CompleteEvent)[]
  /** What was logged as an error. */
  readonly errors: string[]
}

/** Starts a transport and keeps what it says. */
export async function startedPeer(transport: Transport, onEvent?: () => void): Promise<StartedPeer> {
  const events: (StatusEvent | CompleteEvent)[] = []
  const errors: string[] = []
  const silent = (): void => undefined
  await transport.start({
    union: 'shop',
    client: 'client',
    host: 'host',
    onEvent: (event) => {
      events.push(event)
      onEvent?.()
    },
    logger: { debug: silent, info: silent, warn: silent, error: (message) => errors.push(message) },
  })
  return { events, errors }
}

let lastTid = 0

export function taskOf(overrides: Partial<TaskMessage> = {}): TaskMessage {
  return {
    route,
    tid: `tid-${++lastTid}`,
    workgroup: 'workers',
    body: new Uint8Array([1, 2, 3]),
    codec: 'raw',
    attempts: 3,
    deadline: Date.now() + 60_000,
    ttlMs: 0,
    delayMs: 0,
    priority: 0,
    waitForWorkers: true,
    client: 'client',
    host: 'host',
    ...overrides,
  }
}

export function completeOf(delivery: Delivery): CompleteEvent {
  const { task, attempt } = delivery
  const { tid, workgroup } = task
  return {
    action: 'complete',
    route: task.route,
    tid,
    client: 'worker',
    host: 'host',
    status: 'succeed',
    attempt,
    workgroup,
    codec: 'raw',
  }
}

export function progressOf(delivery: Delivery, seq: number): StatusEvent {
  const { task, attempt } = delivery
  const { tid, workgroup } = task
  return {
    action: 'status',
    route: task.route,
    tid,
    client: 'worker',
    host: 'host',
    status: 'progress',
    progress: 50,
    seq,
    attempt,
    workgroup,
    codec: 'json',
  }
}
