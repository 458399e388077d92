import type { ErrorShape } from '@aether/core'
import type { FrameWriter } from './frame-writer.ts'
import { Kind } from './frames.ts'

/** Asks a worker what became of calls. */
export function writeAsk(writer: FrameWriter, calls: ReadonlyMap<number, unknown>): void {
  const start = writer.begin(Kind.ask)
  writer.u32(calls.size)
  for (const call of calls.keys()) writer.u32(call)
  writer.end(start)
}

/** Tells a worker that a call ended without it. */
export function writeRevoke(writer: FrameWriter, call: number, { code, message }: ErrorShape): void {
  const start = writer.begin(Kind.revoke)
  writer.u32(call)
  writer.text(code)
  writer.text(message)
  writer.end(start)
}

/** Asks a union to end a task, whoever sent it. */
export function writeCancel(
  writer: FrameWriter,
  given: { readonly nonce: number; readonly union: string; readonly tid: string; readonly reason: string },
): void {
  const start = writer.begin(Kind.cancel)
  writer.u32(given.nonce)
  writer.text(given.union)
  writer.text(given.tid)
  writer.text(given.reason)
  writer.end(start)
}
