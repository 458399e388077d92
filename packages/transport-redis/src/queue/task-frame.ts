import type { Route, TaskMessage } from '@aether/core'
import { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { codecByte, codecName } from './codec-byte.ts'

/** At the end of an entry, written by the script `send`: when the task ends by the server's clock, 0 for never. */
const TIME_BYTES = 6

/** Writes what workers get of a task. The scripts read its beginning: tid and attempts. */
export function writeTask(out: ByteWriter, task: TaskMessage): void {
  out
    .text(task.tid)
    .u32(task.attempts)
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

/** Reads an entry. `aheadMs` is what this machine's clock is ahead of the server's. Throws where it is none of ours. */
export function readTask(entry: Buffer, route: Route, aheadMs: number): TaskMessage {
  const timeAt = entry.length - TIME_BYTES
  const reader = new ByteReader(entry, 0, timeAt)
  const tid = reader.text()
  const attempts = reader.u32()
  const codec = codecName(reader.u8())
  const waitForWorkers = reader.u8() === 1
  const ttlMs = reader.u48()
  const delayMs = reader.u48()
  const workgroup = reader.text()
  const client = reader.text()
  const host = reader.text()
  const headers = reader.long()
  const endsAt = entry.readUIntBE(timeAt, TIME_BYTES)
  const task = {
    route,
    tid,
    workgroup,
    body: reader.body(),
    codec,
    attempts,
    deadline: endsAt === 0 ? Number.POSITIVE_INFINITY : endsAt + aheadMs,
    ttlMs,
    delayMs,
    priority: 4,
    waitForWorkers,
    client,
    host,
  }
  return headers === '' ? task : { ...task, headers: JSON.parse(headers) as Record<string, string> }
}
