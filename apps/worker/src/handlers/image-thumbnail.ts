import { AetherError } from '@aether/core'
import sharp from 'sharp'

import { asFileFailure, type FileAccess, fileFailure } from '../files/file-access.ts'
import type { HandlerEnvironment, HandlerRegistry } from '../handler-module.ts'
import { imageThumbnail, type ThumbnailInput } from '../tasks.ts'
import { fileAccessFrom } from './file-options.ts'

/** Larger files are refused before they are read. */
const maxFileBytes = 67_108_864
/** Refuses pictures that are small as files and enormous in memory. */
const maxPixels = 100_000_000

/** `image/thumbnail`: a small, upright version of an image without its metadata. Option `root`: the folder that paths are below. */
export function register(worker: HandlerRegistry, environment: HandlerEnvironment): void {
  const files = fileAccessFrom('image/thumbnail', environment.options)
  worker.handle(imageThumbnail, async (input, ctx) => {
    const { width, height, fit = 'cover', format = 'webp' } = input
    const source = await read(input.source, files)
    ctx.signal.throwIfAborted()
    // libvips cannot be stopped from outside, but keeps to a time of its own.
    const seconds = Math.min(3_600, Math.max(1, Math.ceil(ctx.remainingMs / 1_000)))
    const image = sharp(source, { limitInputPixels: maxPixels, failOn: 'error' })
      .autoOrient()
      .resize({ width, height, fit, withoutEnlargement: fit === 'inside' })
      .toFormat(format)
      .timeout({ seconds })
    const { data, info } = await image.toBuffer({ resolveWithObject: true }).catch((cause: unknown) => {
      throw new AetherError(
        'ERR_AETHER_TASK_FAILED',
        `cannot make a thumbnail: ${(cause as Error).message}`,
        { cause },
      )
    })
    ctx.signal.throwIfAborted()
    return { image: data, format, width: info.width, height: info.height }
  })
}

async function read(source: ThumbnailInput['source'], files: FileAccess): Promise<Uint8Array> {
  if ('bytes' in source) return source.bytes
  const file = await files.open(source)
  try {
    if (file.size > maxFileBytes)
      throw fileFailure(source.path, 'EFBIG', `it is larger than ${maxFileBytes} bytes`)
    return await file.handle.readFile()
  } catch (error) {
    throw asFileFailure(source.path, error)
  } finally {
    await file.handle.close()
  }
}
