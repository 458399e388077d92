import { readdirSync, readFileSync } from 'node:fs'

import type { Address } from '../../src/envelope/task-envelope.ts'
import { eventFromParcel, eventToParcel } from '../../src/envelope/event-envelope.ts'
import type { Parcel } from '../../src/envelope/envelope.ts'
import { signalFromParcel, signalToParcel } from '../../src/envelope/signal-envelope.ts'
import { taskFromParcel, taskToParcel } from '../../src/envelope/task-envelope.ts'
import type { Offer, Signal } from '../../src/lease/relay.ts'
import { routeCache } from '../../src/topic/route-cache.ts'
import type { AetherEvent, TaskMessage } from '../../src/transport.ts'

/** A golden vector: one message, the bytes it travels as without headers, and what it travels as with them. Bodies are written in hex. */
export interface Vector {
  readonly about: string
  readonly kind: 'event' | 'signal' | 'task'
  /** Whether our encoder writes exactly `json`; false for what only other peers write. */
  readonly ours: boolean
  readonly message: Record<string, unknown>
  readonly json: string
  readonly headers?: Record<string, string>
}

const folder = new URL('../vectors/', import.meta.url)

export function readVectors(): [string, Vector][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Vector])
}

export const defaults = { workgroup: 'workers', attempts: 3, deadline: 1_900_000_000_000 }

type TaskVector = { readonly task: TaskMessage; readonly offer: Offer }

export function toParcel(kind: Vector['kind'], message: unknown): Parcel {
  switch (kind) {
    case 'task': {
      const { task, offer } = message as TaskVector
      return taskToParcel(task, offer)
    }
    case 'event':
      return eventToParcel(message as AetherEvent)
    case 'signal':
      return signalToParcel(message as Signal)
  }
}

export function fromParcel(kind: Vector['kind'], parcel: Parcel, at: Address): unknown {
  switch (kind) {
    case 'task':
      return taskFromParcel(parcel, { ...at, defaults })
    case 'event':
      return eventFromParcel(parcel, at)
    case 'signal':
      return signalFromParcel(parcel, routeCache())
  }
}

/** Where a message was sent to: transports know it from the topic. */
export function addressOf(kind: Vector['kind'], message: unknown): Address {
  const { route, tid } = kind === 'task' ? (message as TaskVector).task : (message as Address)
  return { route, tid }
}

/** Bodies as bytes instead of hex, in the message and in the event inside it. */
export function withBytes(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      key === 'body' ? Uint8Array.from(Buffer.from(entry as string, 'hex')) : withBytes(entry),
    ]),
  )
}

/** The other way: bodies in hex, so that messages compare as plain values. */
export function withHex(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withHex(entry)]))
}
