import type { RouteCache, TaskMessage } from '@aether/core'
import { ForeignMessage, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { codecByte, codecName, Kind, readHeaders, writeHeaders } from './frames.ts'

/** How a task reaches one consumer. */
export interface Call {
  /** Counted by the caller for each worker: grows by one with each task, which is how a worker tells what it has seen. */
  readonly call: number
  /** The worker's own number of its consumer. */
  readonly consumer: number
  readonly attempt: number
}

export interface TaskFrame extends Call {
  readonly task: TaskMessage
}

/** Deadlines travel as what remains, since clocks differ. */
export function writeTask(
  writer: FrameWriter,
  task: TaskMessage,
  routeKey: string,
  call: Call,
  nowMs: number,
): void {
  const start = writer.begin(Kind.task)
  writer.u32(call.call)
  writer.u32(call.consumer)
  writer.u32(call.attempt)
  writer.text(routeKey)
  writer.text(task.tid)
  writer.text(task.workgroup)
  writer.u8(codecByte(task.codec))
  writer.u32(task.attempts)
  writer.f64(task.deadline - nowMs)
  writer.f64(task.ttlMs)
  writer.f64(task.delayMs)
  writer.u8(task.priority)
  writer.u8(task.waitForWorkers ? 1 : 0)
  writer.text(task.client)
  writer.text(task.host)
  writeHeaders(writer, task.headers)
  writer.bytes(task.body)
  writer.end(start)
}

export function readTask(reader: FrameReader, routes: RouteCache, nowMs: number): TaskFrame {
  const call = reader.u32()
  const consumer = reader.u32()
  const attempt = reader.u32()
  const route = routes.get(reader.text())
  if (route === undefined) throw new ForeignMessage('a task has no route')
  const tid = reader.text()
  const workgroup = reader.text()
  const codec = codecName(reader.u8())
  const attempts = reader.u32()
  const deadline = nowMs + reader.f64()
  const ttlMs = reader.f64()
  const delayMs = reader.f64()
  const priority = reader.u8()
  const waitForWorkers = reader.u8() === 1
  const client = reader.text()
  const host = reader.text()
  const headers = readHeaders(reader)
  const body = reader.bytes()
  const task: TaskMessage = {
    route,
    tid,
    workgroup,
    body,
    codec,
    attempts,
    deadline,
    ttlMs,
    delayMs,
    priority,
    waitForWorkers,
    client,
    host,
    ...(headers === undefined ? {} : { headers }),
  }
  return { call, consumer, attempt, task }
}
