import type { NamedBackends } from '../backends/named-backends.ts'
import type { Balancer } from '../balancer.ts'
import type { EventStream } from '../observe/events.ts'
import type { Call } from '../requests/call.ts'
import type { Autoscaling } from '../scaling/autoscaler.ts'
import type { RemoteLeases } from './remote-leases.ts'

/** What to do, as plain data: `operation` and the fields that it takes. */
export type Operation = Readonly<Record<string, unknown>>

/** `status: 'success'` and what the operation gives, as plain as JSON; an operation that fails rejects with its `LbError`. */
export type OperationResult = Readonly<Record<string, unknown>>

/** What operations work on. */
export interface ControlWorld {
  readonly balancer: Balancer
  /** The name of its algorithm: the load distribution has it too, but sums up every backend first. */
  readonly algorithm: string
  /** What `route_request` does with a backend. */
  readonly call: Call<unknown> | undefined
  /** Of `pick_backend`, until `release_backend`. */
  readonly leases: RemoteLeases
  readonly events: EventStream
  readonly names: Iterable<NamedBackends>
  readonly scalings: Iterable<Autoscaling> & { readonly size: number }
}
