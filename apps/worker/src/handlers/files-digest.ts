import { createHash } from 'node:crypto'

import type { HandlerEnvironment, HandlerRegistry } from '../handler-module.ts'
import { bufferPool } from '../files/buffer-pool.ts'
import { asFileFailure } from '../files/file-access.ts'
import { progressMeter } from '../files/progress-meter.ts'
import { readFile } from '../files/read-file.ts'
import { filesDigest } from '../tasks.ts'
import { fileAccessFrom } from './file-options.ts'

/** Large enough for few reads, small enough that hashing one piece does not hold up the event loop. */
const pieceBytes = 262_144

/** `files/digest`: SHA-256 of a regular file, streamed. Option `root`: the folder that paths are below. */
export function register(worker: HandlerRegistry, environment: HandlerEnvironment): void {
  const files = fileAccessFrom('files/digest', environment.options)
  const buffers = bufferPool({ bytes: pieceBytes, keep: environment.concurrency })
  worker.handle(filesDigest, async (input, ctx) => {
    const file = await files.open(input)
    try {
      const hash = createHash('sha256')
      const meter = progressMeter((data, percent) => ctx.status(percent, data), { total: file.size })
      const take = (piece: Buffer): void => {
        hash.update(piece)
        meter.add(piece.length)
      }
      const bytes = await readFile(file, take, { signal: ctx.signal, buffers })
      return { path: input.path, sha256: hash.digest('hex'), bytes }
    } catch (error) {
      throw asFileFailure(input.path, error)
    } finally {
      await file.handle.close()
    }
  })
}
