import { defaultPriority } from '../define/default-priority.ts'
import type { Offer } from '../lease/relay.ts'
import type { Route, TaskMessage } from '../transport.ts'
import { codecField, codecOf } from './codec-name.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { Parcel } from './envelope.ts'

/** What the address of a message tells: its topic, queue or key. */
export interface Address {
  readonly route: Route
  readonly tid: string
}

/** What a task has when its sender, a Python peer say, does not tell. */
export interface TaskDefaults {
  readonly workgroup: string
  readonly attempts: number
  /** Epoch milliseconds. */
  readonly deadline: number
}

export function taskToParcel(task: TaskMessage, offer?: Offer): Parcel {
  return {
    body: task.body,
    fields: {
      action: 'perform',
      status: 'initialized',
      progress: 0,
      host: task.host,
      client: task.client,
      workgroup: task.workgroup,
      ...codecField(task.codec),
      ...(offer && { attempt: offer.attempt }),
      attempts: task.attempts,
      ...(offer?.sends !== undefined && { sends: offer.sends }),
      deadline: task.deadline,
      ...(task.ttlMs > 0 && { ttlMs: task.ttlMs }),
      ...(task.delayMs > 0 && { delayMs: task.delayMs }),
      ...(task.priority !== defaultPriority && { priority: task.priority }),
      ...(task.waitForWorkers && { waitForWorkers: true }),
      ...(offer?.replyTo !== undefined && { replyTo: offer.replyTo }),
      ...(offer?.only !== undefined && { only: offer.only }),
      ...(task.headers && { headers: task.headers }),
    },
  }
}

/** Throws `ERR_AETHER_ENVELOPE_INVALID` where the parcel is no `perform`. */
export function taskFromParcel(
  { fields, body }: Parcel,
  at: Address & { readonly defaults: TaskDefaults },
): { readonly task: TaskMessage; readonly offer: Offer } {
  if (fields.action !== 'perform')
    throw invalidEnvelope(`action is ${JSON.stringify(fields.action)}, not "perform"`)
  const { defaults } = at
  return {
    task: {
      route: at.route,
      tid: at.tid,
      workgroup: fields.workgroup ?? defaults.workgroup,
      body,
      codec: codecOf(fields),
      attempts: Math.max(1, fields.attempts ?? defaults.attempts),
      deadline: fields.deadline ?? defaults.deadline,
      ttlMs: fields.ttlMs ?? 0,
      delayMs: fields.delayMs ?? 0,
      priority: Math.min(9, fields.priority ?? defaultPriority),
      waitForWorkers: fields.waitForWorkers ?? false,
      ...(fields.headers && { headers: fields.headers }),
      client: fields.client,
      host: fields.host,
    },
    offer: {
      attempt: Math.max(1, fields.attempt ?? 1),
      ...(fields.replyTo !== undefined && { replyTo: fields.replyTo }),
      ...(fields.only !== undefined && { only: fields.only }),
      ...(fields.sends !== undefined && { sends: fields.sends }),
    },
  }
}
