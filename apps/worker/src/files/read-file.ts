import type { BufferPool } from './buffer-pool.ts'
import type { OpenFile } from './file-access.ts'

export interface ReadFileOptions {
  readonly signal: AbortSignal
  readonly buffers: BufferPool
}

/** Hands the content of an open file to `take`, piece by piece; a piece is valid only during the call. Resolves with the number of bytes. */
export async function readFile(
  file: OpenFile,
  take: (piece: Buffer) => void,
  options: ReadFileOptions,
): Promise<number> {
  const { signal, buffers } = options
  const buffer = buffers.take()
  let bytes = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return bytes
      bytes += bytesRead
      take(buffer.subarray(0, bytesRead))
      // Saves the read that would only say "no more". Files of unknown size (in /proc, say) claim 0.
      if (bytesRead < buffer.length && bytes === file.size) return bytes
    }
  } finally {
    buffers.give(buffer)
  }
}
