import type { HandlerEnvironment, HandlerRegistry } from '../handler-module.ts'
import { bufferPool } from '../files/buffer-pool.ts'
import { asFileFailure } from '../files/file-access.ts'
import { progressMeter } from '../files/progress-meter.ts'
import { readFile } from '../files/read-file.ts'
import { textStats } from '../tasks.ts'
import { textCounter } from '../text/text-counter.ts'
import { fileAccessFrom } from './file-options.ts'

/** Finding words costs far more than reading: small pieces keep the event loop free for other tasks. */
const pieceBytes = 16_384

/** `text/stats`: counts of a text or a text file, streamed. Option `root`: the folder that paths are below. */
export function register(worker: HandlerRegistry, environment: HandlerEnvironment): void {
  const files = fileAccessFrom('text/stats', environment.options)
  const buffers = bufferPool({ bytes: pieceBytes, keep: environment.concurrency })
  worker.handle(textStats, async (input, ctx) => {
    const counter = textCounter()
    if ('text' in input) {
      counter.push(Buffer.from(input.text))
      return counter.end()
    }
    const file = await files.open(input)
    try {
      const meter = progressMeter((data, percent) => ctx.status(percent, data), { total: file.size })
      const take = (piece: Buffer): void => {
        counter.push(piece)
        meter.add(piece.length)
      }
      await readFile(file, take, { signal: ctx.signal, buffers })
      return counter.end()
    } catch (error) {
      throw asFileFailure(input.path, error)
    } finally {
      await file.handle.close()
    }
  })
}
