import {
  checkName,
  checkRoute,
  type ConsumeOptions,
  type EventFilter,
  type Route,
  type TaskMessage,
} from '@aether/core'
import { payloadTooLarge } from '../errors.ts'
import { invalidInput, unsupported } from './queue-errors.ts'

const codecs: ReadonlySet<string> = new Set(['json', 'msgpack', 'raw'])
const mostMs = 2 ** 47
const mostCount = 0xffff_ffff

/** Refuses what the queue cannot hold, apart from the route. */
export function checkTask(task: TaskMessage, maxPayloadBytes: number): void {
  checkName('tid', task.tid)
  checkName('workgroup', task.workgroup)
  const { attempts, priority, deadline, body } = task
  checkCount('attempts', attempts)
  if (!Number.isSafeInteger(priority) || priority < 0 || priority > 9)
    throw invalidInput('priority', 'a whole number from 0 to 9')
  checkMs('delayMs', task.delayMs)
  checkMs('ttlMs', task.ttlMs)
  if (typeof deadline !== 'number' || Number.isNaN(deadline))
    throw invalidInput('deadline', 'epoch milliseconds')
  if (!(body instanceof Uint8Array)) throw invalidInput('body', 'a Uint8Array')
  if (!codecs.has(task.codec)) throw invalidInput('codec', 'json, msgpack or raw')
  if (priority !== 4) throw unsupported('Redis queues know no priority but the default 4.')
  checkBody(`task ${task.tid}`, body, maxPayloadBytes)
}

export function checkBody(what: string, body: Uint8Array | undefined, maxPayloadBytes: number): void {
  if (body !== undefined && body.length > maxPayloadBytes)
    throw payloadTooLarge(what, body.length, maxPayloadBytes)
}

/** Refuses a route that no consumer can have, and options that are impossible. */
export function checkConsume(route: Route, options: ConsumeOptions): void {
  checkRoute(route, { wildcards: true })
  if (route.job === '+' || route.task === '+')
    throw unsupported('Consumers on Redis name their job and task; only the context may be +.')
  checkName('workgroup', options.workgroup)
  checkCount('credit', options.credit)
  const { leaseMs, pool } = options
  if (typeof leaseMs !== 'number' || !(leaseMs > 0 && leaseMs <= 2 ** 31 - 1))
    throw invalidInput('leaseMs', 'more than 0 and at most 2147483647 milliseconds')
  if (pool === undefined) return
  if (typeof pool.id !== 'string') throw invalidInput('pool.id', 'a string')
  checkCount('pool.credit', pool.credit)
}

export function checkFilter(filter: EventFilter): void {
  for (const level of ['job', 'task', 'context', 'tid'] as const) {
    const name = filter[level]
    if (name !== undefined && name !== '+') checkName(level, name)
  }
}

export function checkMs(field: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= mostMs))
    throw invalidInput(field, '0 or more milliseconds')
}

function checkCount(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > mostCount)
    throw invalidInput(field, `a whole number from 1 to ${mostCount}`)
}
