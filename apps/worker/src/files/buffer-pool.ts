/** Hands out buffers of one size and takes them back, so that reading many files allocates few. */
export interface BufferPool {
  take(): Buffer
  give(buffer: Buffer): void
}

export interface BufferPoolOptions {
  readonly bytes: number
  /** How many idle buffers it keeps; the rest is left to the garbage collector. */
  readonly keep: number
}

export function bufferPool(options: BufferPoolOptions): BufferPool {
  const { bytes, keep } = options
  const idle: Buffer[] = []
  return {
    take: () => idle.pop() ?? Buffer.allocUnsafeSlow(bytes),
    give(buffer) {
      if (idle.length < keep) idle.push(buffer)
    },
  }
}
