import type { FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { Kind } from './frames.ts'
import { ForeignMessage } from './frame-reader.ts'

/** One subscription of a worker, as others know it. */
export interface Opening {
  readonly consumer: number
  readonly job: string
  readonly task: string
  /** `+`: any. */
  readonly context: string
  readonly workgroup: string
  readonly credit: number
  /** Empty: none. */
  readonly pool: string
  readonly poolCredit: number
}

/** Whose events an instance wants to hear; `+`: any. */
export interface Interest {
  readonly job: string
  readonly task: string
}

/** What an instance does in one union. */
export interface Hello {
  readonly union: string
  /** Grows when the instance has a new connection: what was said to it before may be lost. */
  readonly epoch: number
  /** Grows with each change. */
  readonly version: number
  /** Of the roll call; 0: none. */
  readonly nonce: number
  /** Said to one who asked; otherwise said to all, who are asked to note it where there is a nonce. */
  readonly isAnswer: boolean
  readonly openings: readonly Opening[]
  readonly interests: readonly Interest[]
}

/** Subscriptions, or interests, of one instance in one union; what claims more is foreign. */
export const maxEntries = 4_096

export function writeHello(writer: FrameWriter, hello: Hello): void {
  const start = writer.begin(Kind.hello)
  writer.text(hello.union)
  writer.u32(hello.epoch)
  writer.u32(hello.version)
  writer.u32(hello.nonce)
  writer.u8(hello.isAnswer ? 1 : 0)
  writer.u32(hello.openings.length)
  for (const { consumer, job, task, context, workgroup, credit, pool, poolCredit } of hello.openings) {
    writer.u32(consumer)
    writer.text(job)
    writer.text(task)
    writer.text(context)
    writer.text(workgroup)
    writer.u32(credit)
    writer.text(pool)
    writer.u32(poolCredit)
  }
  writer.u32(hello.interests.length)
  for (const { job, task } of hello.interests) {
    writer.text(job)
    writer.text(task)
  }
  writer.end(start)
}

export function readHello(reader: FrameReader): Hello {
  const union = reader.text()
  const epoch = reader.u32()
  const version = reader.u32()
  const nonce = reader.u32()
  const isAnswer = reader.u8() === 1
  const openings: Opening[] = []
  for (let left = readCount(reader); left > 0; left--) {
    const consumer = reader.u32()
    const job = reader.text()
    const task = reader.text()
    const context = reader.text()
    const workgroup = reader.text()
    const credit = reader.u32()
    const pool = reader.text()
    openings.push({ consumer, job, task, context, workgroup, credit, pool, poolCredit: reader.u32() })
  }
  const interests: Interest[] = []
  for (let left = readCount(reader); left > 0; left--) {
    const job = reader.text()
    interests.push({ job, task: reader.text() })
  }
  return { union, epoch, version, nonce, isAnswer, openings, interests }
}

function readCount(reader: FrameReader): number {
  const count = reader.u32()
  if (count > maxEntries) throw new ForeignMessage(`a hello with ${count} entries`)
  return count
}
