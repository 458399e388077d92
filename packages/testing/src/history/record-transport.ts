import { isAetherError } from '@aether/core'
import type {
  Capabilities,
  CompleteEvent,
  Consumer,
  ConsumeOptions,
  Delivery,
  Route,
  StatusEvent,
  TaskMessage,
  Transport,
  TransportHost,
  WaitOptions,
} from '@aether/core'

import { monotonicNow } from './history.ts'
import type { LeaseEntry, RecordEntry } from './history.ts'

/** Codes after which nobody can tell whether the engine got the command. */
const uncertainCodes: ReadonlySet<string> = new Set([
  'ERR_AETHER_CLIENT_CLOSED',
  'ERR_AETHER_CONNECT_TIMEOUT',
  'ERR_AETHER_REQUEST_TIMEOUT',
  'ERR_AETHER_TRANSPORT_CLOSED',
  'ERR_AETHER_TRANSPORT_LOST',
])

interface RecordOptions {
  /** Name that stands in the entries. */
  readonly by: string
  readonly record: (entry: RecordEntry) => void
}

/** The same transport, telling `record` of each task sent, each delivery, each use of a lease and each terminal event. */
export function recordTransport<C extends Capabilities>(
  transport: Transport<C>,
  options: RecordOptions,
): Transport<C> {
  const { by, record } = options
  return {
    name: transport.name,
    capabilities: transport.capabilities,
    get state() {
      return transport.state
    },
    states: (wait) => transport.states(wait),
    start: (host, wait) => transport.start(recordHost(host, options), wait),
    send: (task, wait) => recordSend(transport, task, wait, options),
    attach: async (route, tid, wait) => {
      record({ kind: 'invoked', at: monotonicNow(), by, tid, workgroup: '' })
      await transport.attach(route, tid, wait)
    },
    cancel: (route, tid, reason, wait) => transport.cancel(route, tid, reason, wait),
    consume: (route, consume, handler) => recordConsume(transport, { route, consume, handler }, options),
    publish: (event, wait) => transport.publish(event, wait),
    listen: (filter, handler) => transport.listen(filter, handler),
    close: (wait) => transport.close(wait),
  }
}

function recordHost(host: TransportHost, { by, record }: RecordOptions): TransportHost {
  return {
    ...host,
    onEvent(event: StatusEvent | CompleteEvent) {
      if (event.action === 'complete') {
        const { tid, workgroup, status, attempt } = event
        const base = { kind: 'terminal', at: monotonicNow(), by, tid, workgroup, status, attempt } as const
        record(event.client === '' ? base : { ...base, worker: event.client })
      }
      host.onEvent(event)
    },
  }
}

async function recordSend(
  transport: Transport,
  task: TaskMessage,
  wait: WaitOptions | undefined,
  { by, record }: RecordOptions,
): ReturnType<Transport['send']> {
  const { tid, workgroup } = task
  record({ kind: 'invoked', at: monotonicNow(), by, tid, workgroup })
  try {
    const receipt = await transport.send(task, wait)
    record({ kind: 'answered', at: monotonicNow(), by, tid, answer: 'accepted' })
    return receipt
  } catch (error) {
    const base = { kind: 'answered', at: monotonicNow(), by, tid, answer: failedAnswer(error) } as const
    record(isAetherError(error) ? { ...base, code: error.code } : base)
    throw error
  }
}

function failedAnswer(error: unknown): 'refused' | 'unknown' {
  return isAetherError(error) && !uncertainCodes.has(error.code) ? 'refused' : 'unknown'
}

interface ConsumeCall {
  readonly route: Route
  readonly consume: ConsumeOptions
  readonly handler: (delivery: Delivery) => void
}

function recordConsume(transport: Transport, call: ConsumeCall, options: RecordOptions): Promise<Consumer> {
  const { workgroup, leaseMs } = call.consume
  return transport.consume(call.route, call.consume, (delivery) => {
    const { by, record } = options
    const { tid } = delivery.task
    record({
      kind: 'delivered',
      at: monotonicNow(),
      by,
      tid,
      workgroup,
      attempt: delivery.attempt,
      leaseMs,
    })
    call.handler(recordDelivery(delivery, workgroup, options))
  })
}

function recordDelivery(delivery: Delivery, workgroup: string, options: RecordOptions): Delivery {
  const { by, record } = options
  const base = { by, tid: delivery.task.tid, workgroup, attempt: delivery.attempt }
  const use = async (kind: LeaseEntry['kind'], call: () => Promise<void>): Promise<void> => {
    const invokedAt = monotonicNow()
    try {
      await call()
      record({ kind, at: monotonicNow(), ...base, invokedAt, answer: 'accepted' })
    } catch (error) {
      record({ kind, at: monotonicNow(), ...base, invokedAt, answer: failedAnswer(error) })
      throw error
    }
  }
  return {
    task: delivery.task,
    attempt: delivery.attempt,
    onRevoke(handler) {
      delivery.onRevoke((reason) => {
        record({ kind: 'revoked', at: monotonicNow(), ...base, code: reason.code })
        handler(reason)
      })
    },
    renew: () => use('renew', () => delivery.renew()),
    report: (event) => use('report', () => delivery.report(event)),
    ack: (complete, ackOptions) => use('ack', () => delivery.ack(complete, ackOptions)),
    release: (release) => use('release', () => delivery.release(release)),
  }
}
