import {
  AetherError,
  checkName,
  checkRoute,
  type CodecName,
  type ConsumeOptions,
  type EventFilter,
  type Route,
  type TaskMessage,
} from '@aether/core'
import { payloadTooLarge } from '../errors.ts'

const codecs: ReadonlySet<string> = new Set<CodecName>(['json', 'msgpack', 'raw'])
/** The priority of tasks that ask for none. */
const defaultPriority = 4
const most = 0xffff_ffff

/** `ERR_AETHER_NAME_INVALID`, `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_CAPABILITY_UNSUPPORTED`, `ERR_AETHER_PAYLOAD_TOO_LARGE`. */
export function checkTask(task: TaskMessage, maxPayloadBytes: number): void {
  const { attempts, priority, delayMs, ttlMs, deadline, body, codec } = task
  checkName('tid', task.tid)
  checkName('workgroup', task.workgroup)
  if (!isWhole(attempts, 1, most)) throw invalid('attempts', 'a whole number of 1 or more', attempts)
  if (!isWhole(priority, 0, 9)) throw invalid('priority', 'a whole number from 0 to 9', priority)
  if (!isDuration(delayMs)) throw invalid('delayMs', '0 or more milliseconds', delayMs)
  if (!isDuration(ttlMs)) throw invalid('ttlMs', '0 or more milliseconds', ttlMs)
  if (typeof deadline !== 'number' || Number.isNaN(deadline))
    throw invalid('deadline', 'epoch milliseconds', deadline)
  if (!(body instanceof Uint8Array)) throw invalid('body', 'a Uint8Array', typeof body)
  if (!codecs.has(codec)) throw invalid('codec', [...codecs].join(', '), codec)
  checkSize(`task ${task.tid}`, body, maxPayloadBytes)
  if (priority !== defaultPriority)
    throw unsupported('priority', `mode pubsub has no priorities: leave it at ${defaultPriority}`)
}

/** `ERR_AETHER_NAME_INVALID`, `ERR_AETHER_OPTIONS_INVALID`. */
export function checkConsume(route: Route, { workgroup, credit, leaseMs, pool }: ConsumeOptions): void {
  checkRoute(route, { wildcards: true })
  checkName('workgroup', workgroup)
  if (!isWhole(credit, 1, most)) throw invalid('credit', 'a whole number of 1 or more', credit)
  if (!Number.isFinite(leaseMs) || leaseMs <= 0) throw invalid('leaseMs', 'more than 0 milliseconds', leaseMs)
  if (pool === undefined) return
  if (typeof pool.id !== 'string' || pool.id === '') throw invalid('pool.id', 'a text', pool.id)
  if (!isWhole(pool.credit, 1, most)) throw invalid('pool.credit', 'a whole number of 1 or more', pool.credit)
}

/** `ERR_AETHER_NAME_INVALID`. */
export function checkFilter(filter: EventFilter): void {
  for (const level of ['job', 'task', 'context', 'tid'] as const) {
    const value = filter[level]
    if (value !== undefined && value !== '+') checkName(level, value)
  }
}

/** `ERR_AETHER_PAYLOAD_TOO_LARGE`: nothing was sent. */
export function checkSize(what: string, body: Uint8Array | undefined, maxPayloadBytes: number): void {
  if (body !== undefined && body.length > maxPayloadBytes)
    throw payloadTooLarge(what, body.length, maxPayloadBytes)
}

export function unsupported(capability: string, message: string): AetherError {
  return new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', message, { detail: { capability } })
}

function isWhole(value: unknown, least: number, largest: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= largest
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function invalid(field: string, expected: string, got: unknown): AetherError {
  const message = `${field} must be ${expected}, not ${String(got)}`
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', message, { detail: { field } })
}
