import { checkName, type ConsumeOptions, type TaskMessage } from '@aether/core'
import { Codec } from '@aether/wire'
import { invalidInput, payloadTooLarge } from './errors.ts'

const MOST_MS = 0xffff_ffff

/** Throws where a task holds what the frame of a SEND cannot say. */
export function checkTask(task: TaskMessage, maxPayloadBytes: number): void {
  checkName('tid', task.tid)
  checkName('workgroup', task.workgroup)
  const { body, attempts, priority, deadline } = task
  if (!(body instanceof Uint8Array))
    throw invalidInput('The body of a task must be a Uint8Array.', { field: 'body' })
  if (body.length > maxPayloadBytes) throw payloadTooLarge(`task ${task.tid}`, body.length, maxPayloadBytes)
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 0xffff)
    throw outOfRange('attempts', 1, 0xffff)
  if (!Number.isInteger(priority) || priority < 0 || priority > 9) throw outOfRange('priority', 0, 9)
  if (typeof deadline !== 'number' || !(deadline > 0))
    throw invalidInput('The deadline of a task must be a time.', { field: 'deadline' })
  checkMs('ttlMs', task.ttlMs)
  checkMs('delayMs', task.delayMs)
  if (task.codec !== 'json' && (Codec[task.codec] === undefined || (task.codec as string) === 'none')) {
    throw invalidInput('The codec of a task must be json, msgpack or raw.', { field: 'codec' })
  }
}

/** Throws where the options of `consume` are impossible. */
export function checkConsume(options: ConsumeOptions): void {
  checkName('workgroup', options.workgroup)
  const { credit, leaseMs, pool } = options
  if (!Number.isInteger(credit) || credit < 1 || credit > MOST_MS) throw outOfRange('credit', 1, MOST_MS)
  if (typeof leaseMs !== 'number' || !(leaseMs > 0 && leaseMs <= MOST_MS))
    throw outOfRange('leaseMs', 1, MOST_MS)
  if (pool === undefined) return
  if (typeof pool.id !== 'string')
    throw invalidInput('The id of a pool must be a string.', { field: 'pool.id' })
  if (!Number.isInteger(pool.credit) || pool.credit < 1 || pool.credit > MOST_MS)
    throw outOfRange('pool.credit', 1, MOST_MS)
}

export function checkMs(field: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= MOST_MS)) throw outOfRange(field, 0, MOST_MS)
}

function outOfRange(field: string, least: number, most: number): Error {
  return invalidInput(`${field} must be a number from ${least} to ${most}.`, { field })
}
