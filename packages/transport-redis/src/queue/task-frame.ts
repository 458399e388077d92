import type { Route, TaskMessage } from '@aether/core'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { codecByte, codecName } from './codec-byte.ts'

/** Writes what workers get of a task beside what the scripts themselves read: see `send`. */
export function writeTask(out: ByteWriter, task: TaskMessage): void {
  out
    .u8(codecByte(task.codec))
    .u8(task.waitForWorkers ? 1 : 0)
    .u48(Math.ceil(task.ttlMs))
    .u48(Math.ceil(task.delayMs))
    .text(task.workgroup)
    .text(task.client)
    .text(task.host)
    .long(task.headers === undefined ? '' : JSON.stringify(task.headers))
    .bytes(task.body)
}

export interface EntryHead {
  readonly tid: string
  /** By the server's clock; 0: none. */
  readonly endsAt: number
  readonly attempts: number
}

/** Reads what the script put before a task's frame. */
export function readEntryHead(reader: ByteReader): EntryHead {
  return { tid: reader.text(), endsAt: reader.u48(), attempts: reader.u32() }
}

/** Reads the rest of an entry. `aheadMs` is what this machine's clock is ahead of the server's. Throws where it is none of ours. */
export function readTask(reader: ByteReader, head: EntryHead, route: Route, aheadMs: number): TaskMessage {
  const codec = codecName(reader.u8())
  const waitForWorkers = reader.u8() === 1
  const ttlMs = reader.u48()
  const delayMs = reader.u48()
  const workgroup = reader.text()
  const client = reader.text()
  const host = reader.text()
  const headers = reader.long()
  const task = {
    route,
    tid: head.tid,
    workgroup,
    body: reader.body(),
    codec,
    attempts: head.attempts,
    deadline: head.endsAt === 0 ? Number.POSITIVE_INFINITY : head.endsAt + aheadMs,
    ttlMs,
    delayMs,
    priority: 4,
    waitForWorkers,
    client,
    host,
  }
  return headers === '' ? task : { ...task, headers: JSON.parse(headers) as Record<string, string> }
}
