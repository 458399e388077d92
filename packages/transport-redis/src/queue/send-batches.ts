import type { TaskMessage } from '@aether/core'
import { isPassing, isTooLarge } from './is-passing.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Lane, LaneOwner } from './lane.ts'
import type { QueueHost } from './queue-host.ts'
import { limits } from './queue-settings.ts'
import type { Run } from './run.ts'
import { writeTask } from './task-frame.ts'

const waits = 1
const repeated = 2
const mortal = 4

/** A deadline further away is none. */
const longestMs = 2 ** 46

/** The sends of one turn to one job/task, as few calls as their size allows. */
export class SendBatches {
  readonly #lane: Lane
  readonly #host: QueueHost
  readonly #owner: LaneOwner
  readonly #writer = new ByteWriter()
  #runs: Run[] = []

  constructor(lane: Lane, host: QueueHost, owner: LaneOwner) {
    this.#lane = lane
    this.#host = host
    this.#owner = owner
  }

  add(run: Run): void {
    this.#runs.push(run)
  }

  has(run: Run): boolean {
    return this.#runs.includes(run)
  }

  flush(): void {
    const runs = this.#runs
    this.#runs = []
    let batch: Run[] = []
    let bytes = 0
    for (const run of runs) {
      if (run.isDropped) continue
      const size = run.task?.body.length ?? 0
      if (batch.length === limits.batchCount || (batch.length > 0 && bytes + size > limits.batchBytes)) {
        void this.#send(batch)
        batch = []
        bytes = 0
      }
      batch.push(run)
      bytes += size
    }
    if (batch.length > 0) void this.#send(batch)
  }

  close(error: Error): void {
    const runs = this.#runs
    this.#runs = []
    for (const run of runs) this.#owner.onUnsent(run, error)
  }

  async #send(runs: readonly Run[]): Promise<void> {
    try {
      const reply = (await this.#lane.run(this.#host.scripts.send, this.#pack(runs))) as Buffer
      this.#onReply(runs, reply)
    } catch (error) {
      if (runs.length > 1 && isTooLarge(error)) return this.#sendHalves(runs)
      this.#onRefused(runs, error)
    }
  }

  /** Together they are more than the server takes at once: only who is too large by himself is refused. */
  async #sendHalves(runs: readonly Run[]): Promise<void> {
    const half = runs.length >> 1
    await Promise.all([this.#send(runs.slice(0, half)), this.#send(runs.slice(half))])
  }

  #pack(runs: readonly Run[]): Buffer {
    const out = this.#writer.text(this.#host.instance).u32(runs.length)
    const nowMs = this.#host.clock.now()
    let nextMs = longestMs
    for (const run of runs) {
      const { task } = run
      if (task === undefined) continue
      const leftMs = Math.max(0, Math.ceil(task.deadline - nowMs))
      const isMortal = leftMs < longestMs
      if (isMortal) nextMs = Math.min(nextMs, leftMs)
      if (task.ttlMs > 0) nextMs = Math.min(nextMs, task.delayMs + task.ttlMs)
      if (task.delayMs > 0) nextMs = Math.min(nextMs, task.delayMs)
      this.#write(run, task, isMortal ? leftMs : undefined)
    }
    if (nextMs < longestMs) this.#lane.note(nextMs + 3)
    return out.take()
  }

  #write(run: Run, task: TaskMessage, leftMs: number | undefined): void {
    const out = this.#writer
      .u8(
        // What was accepted once and lost by Redis is not refused now because Redis has forgotten its workers, too.
        (task.waitForWorkers || run.isConfirmed ? waits : 0) +
          (run.isRepeat ? repeated : 0) +
          (leftMs === undefined ? 0 : mortal),
      )
      .text(run.tid)
      .text(run.route.context)
      .text(task.workgroup)
      .u48(leftMs ?? 0)
      .u48(Math.ceil(task.delayMs))
      .u48(Math.ceil(task.ttlMs))
    const at = out.open32()
    writeTask(out, task)
    out.close32(at)
  }

  #onReply(runs: readonly Run[], reply: Buffer): void {
    for (const [index, run] of runs.entries()) this.#owner.onSent(run, reply[index] ?? 0)
    let at = runs.length
    while (at < reply.length) {
      const run = runs[reply.readUInt32BE(at)]
      const end = at + 8 + reply.readUInt32BE(at + 4)
      if (run !== undefined) this.#owner.onStored(run, reply.subarray(at + 8, end))
      at = end
    }
  }

  /** What was under way when the connection ended is sent again: the tid makes one task of both. */
  #onRefused(runs: readonly Run[], error: unknown): void {
    const { clock, settings, isClosing, turns } = this.#host
    const nowMs = clock.monotonic()
    for (const run of runs) {
      if (run.giveUpAtMs === 0) run.giveUpAtMs = nowMs + 2 * settings.connectTimeoutMs
      if (isPassing(error) && !isClosing && nowMs < run.giveUpAtMs) {
        run.isRepeat = true
        this.add(run)
        turns.add(this.#lane)
      } else {
        this.#owner.onUnsent(run, error)
      }
    }
  }
}
