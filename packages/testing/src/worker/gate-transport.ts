import type { Capabilities, Delivery, Transport, TransportHost } from '@aether/core'

/** A transport that can be made to pass nothing. */
export interface Gate<C extends Capabilities = Capabilities> {
  readonly transport: Transport<C>
  /** Nothing passes, in either direction, until `release`. */
  hold(): void
  release(): void
  /** Nothing passes any more, and what waits is forgotten. */
  shut(): void
}

/** Runs what passes now, later or never. */
interface Passage {
  /** Runs `action` when the gate is open. */
  pass(action: () => void): void
  /** A call through the gate: out, and its answer back in. */
  call<T>(start: () => Promise<T>): Promise<T>
}

/** Puts a gate before `transport`: what a frozen or killed process looks like from both sides, without a process. */
export function gateTransport<C extends Capabilities>(transport: Transport<C>): Gate<C> {
  let status: 'open' | 'held' | 'shut' = 'open'
  let waiting: (() => void)[] = []
  const pass = (action: () => void): void => {
    if (status === 'open') action()
    else if (status === 'held') waiting.push(action)
  }
  const call = <T>(start: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      pass(() => {
        start().then(
          (value) => pass(() => resolve(value)),
          (error: unknown) => pass(() => reject(error)),
        )
      })
    })
  return {
    transport: gated(transport, { pass, call }),
    hold() {
      if (status === 'open') status = 'held'
    },
    release() {
      if (status !== 'held') return
      status = 'open'
      const ready = waiting
      waiting = []
      for (const action of ready) action()
    },
    shut() {
      status = 'shut'
      waiting = []
    },
  }
}

function gated<C extends Capabilities>(transport: Transport<C>, passage: Passage): Transport<C> {
  const { call, pass } = passage
  return {
    name: transport.name,
    capabilities: transport.capabilities,
    get state() {
      return transport.state
    },
    states: (options) => transport.states(options),
    start: (host, options) => call(() => transport.start(gatedHost(host, passage), options)),
    send: (task, options) => call(() => transport.send(task, options)),
    attach: (route, tid, options) => call(() => transport.attach(route, tid, options)),
    cancel: (route, tid, reason, options) => call(() => transport.cancel(route, tid, reason, options)),
    consume: (route, options, handler) =>
      call(() =>
        transport.consume(route, options, (delivery) => {
          const passed = gatedDelivery(delivery, passage)
          pass(() => handler(passed))
        }),
      ),
    publish: (event, options) => call(() => transport.publish(event, options)),
    listen: (filter, handler) => call(() => transport.listen(filter, (event) => pass(() => handler(event)))),
    close: (options) => call(() => transport.close(options)),
  }
}

function gatedHost(host: TransportHost, { pass }: Passage): TransportHost {
  return { ...host, onEvent: (event) => pass(() => host.onEvent(event)) }
}

function gatedDelivery(delivery: Delivery, { call, pass }: Passage): Delivery {
  return {
    task: delivery.task,
    attempt: delivery.attempt,
    onRevoke: (handler) => delivery.onRevoke((reason) => pass(() => handler(reason))),
    renew: () => call(() => delivery.renew()),
    report: (event) => call(() => delivery.report(event)),
    ack: (complete, options) => call(() => delivery.ack(complete, options)),
    release: (options) => call(() => delivery.release(options)),
  }
}
