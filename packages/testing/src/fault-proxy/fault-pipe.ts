import type { Socket } from 'node:net'

/** What one direction does to the bytes that pass. */
export interface DirectionFaults {
  /** Holds each byte back by so many milliseconds; order is kept. @default 0 */
  readonly delayMs?: number
  /** Reads and throws away: the sender believes that it was sent. @default false */
  readonly drop?: boolean
  /** Stops reading, so that the sender's buffers fill. @default false */
  readonly stall?: boolean
  /** Writes at most so many bytes at a time, each in a write of its own. @default 0 (as they come) */
  readonly splitBytes?: number
  /** Lets so many bytes a second through. @default 0 (all) */
  readonly bytesPerSecond?: number
}

interface HeldChunk {
  readonly bytes: Buffer
  readonly dueAt: number
}

/** One direction of one proxied connection: reads `source`, does what its faults say, writes `target`. */
export interface FaultPipe {
  readonly bytesPassed: number
  readonly bytesDropped: number
  set(faults: DirectionFaults): void
  close(): void
}

/** A direction of a proxied connection; the end of `source` becomes the end of `target` once everything held has passed. */
export function createFaultPipe(source: Socket, target: Socket, initial: DirectionFaults): FaultPipe {
  return new Pipe(source, target, initial)
}

const maxHeldBytes = 1024 * 1024

class Pipe implements FaultPipe {
  bytesPassed = 0
  bytesDropped = 0
  readonly #source: Socket
  readonly #target: Socket
  #faults: DirectionFaults
  #held: HeldChunk[] = []
  #heldBytes = 0
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  #isFull = false
  #isEnded = false
  #isClosed = false
  #tokens = 0
  #tokensAt = performance.now()

  constructor(source: Socket, target: Socket, faults: DirectionFaults) {
    this.#source = source
    this.#target = target
    this.#faults = faults
    source.on('data', (bytes: Buffer) => this.#take(bytes))
    source.on('end', () => {
      this.#isEnded = true
      this.#flush()
    })
    target.on('drain', () => {
      this.#isFull = false
      this.#flush()
    })
    this.#flow()
  }

  set(faults: DirectionFaults): void {
    this.#faults = faults
    this.#flow()
    this.#flush()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#held = []
    this.#heldBytes = 0
  }

  #take(bytes: Buffer): void {
    if (this.#isClosed) return
    if (this.#faults.drop === true) {
      this.bytesDropped += bytes.length
      return
    }
    this.#held.push({ bytes, dueAt: performance.now() + (this.#faults.delayMs ?? 0) })
    this.#heldBytes += bytes.length
    this.#flush()
  }

  /** Reads as long as it may: not while stalled, nor with much in hand. */
  #flow(): void {
    const isStopped = this.#faults.stall === true || this.#heldBytes >= maxHeldBytes
    if (isStopped) this.#source.pause()
    else this.#source.resume()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    while (!this.#isClosed && !this.#isFull && this.#faults.stall !== true) {
      const first = this.#held[0]
      if (first === undefined) break
      const waitMs = Math.max(first.dueAt - performance.now(), this.#waitForTokens())
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), Math.ceil(waitMs))
        break
      }
      this.#write(first)
      if ((this.#faults.splitBytes ?? 0) > 0 && this.#held.length > 0) {
        // A turn of the loop between two writes, or the kernel would join them again.
        this.#immediate = setImmediate(() => this.#flush())
        break
      }
    }
    if (this.#isEnded && this.#held.length === 0 && !this.#isClosed) this.#target.end()
    if (!this.#isClosed) this.#flow()
  }

  #write(first: HeldChunk): void {
    let size = first.bytes.length
    if ((this.#faults.splitBytes ?? 0) > 0) size = Math.min(size, this.#faults.splitBytes ?? size)
    if ((this.#faults.bytesPerSecond ?? 0) > 0) size = Math.min(size, Math.max(1, Math.floor(this.#tokens)))
    const bytes = first.bytes.subarray(0, size)
    if (size === first.bytes.length) this.#held.shift()
    else this.#held[0] = { bytes: first.bytes.subarray(size), dueAt: first.dueAt }
    this.#heldBytes -= size
    this.#tokens -= size
    this.bytesPassed += size
    if (!this.#target.destroyed && !this.#target.write(bytes)) this.#isFull = true
  }

  /** Milliseconds until a byte may pass; a tenth of a second's worth is saved up at most. */
  #waitForTokens(): number {
    const rate = this.#faults.bytesPerSecond ?? 0
    if (rate <= 0) return 0
    const now = performance.now()
    this.#tokens = Math.min(
      Math.max(1, rate / 10),
      Math.max(0, this.#tokens) + ((now - this.#tokensAt) * rate) / 1000,
    )
    this.#tokensAt = now
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * 1000) / rate
  }
}
