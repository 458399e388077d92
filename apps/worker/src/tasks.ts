import { defineTask, exponential, type TaskDefinition } from '@aether/core'
import { msgpack } from '@aether/core/msgpack'
import { z } from 'zod'

/** Which file: an absolute path, or one below the worker's root. */
export interface FileInput {
  readonly path: string
  /** The exact bytes of the path, where its name is no valid UTF-8; `path` is then only for showing. */
  readonly pathBase64?: string | undefined
}

export interface DigestProgress {
  readonly bytes: number
  /** Size of the file when it was opened. */
  readonly total: number
}

export interface DigestOutput {
  readonly path: string
  /** In hexadecimal. */
  readonly sha256: string
  readonly bytes: number
}

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif'

export interface ThumbnailInput {
  /** A file, or the image itself. */
  readonly source: FileInput | { readonly bytes: Uint8Array }
  /** Pixels; give one or both. */
  readonly width?: number | undefined
  readonly height?: number | undefined
  /** How the image is made to fit when both are given. @default 'cover' */
  readonly fit?: 'cover' | 'contain' | 'fill' | 'inside' | 'outside' | undefined
  /** @default 'webp' */
  readonly format?: ImageFormat | undefined
}

export interface ThumbnailOutput {
  readonly image: Uint8Array
  readonly format: ImageFormat
  readonly width: number
  readonly height: number
}

export type TextInput = FileInput | { readonly text: string }

export interface TextStatsOutput {
  readonly bytes: number
  readonly lines: number
  readonly words: number
  readonly characters: number
  readonly codePoints: number
}

type Same<T> = z.ZodType<T, T>

const count = z.int().min(0)
const file: Same<FileInput> = z.strictObject({ path: z.string(), pathBase64: z.base64().optional() })
const pixels = z.int().min(1).max(2_048).optional()

/** A day: the largest file on the slowest disk is still finite. */
const dayMs = 86_400_000

/** SHA-256 of a regular file, with progress by bytes. */
export const filesDigest: TaskDefinition<
  Same<FileInput>,
  Same<DigestProgress>,
  Same<DigestOutput>
> = defineTask({
  job: 'files',
  task: 'digest',
  input: file,
  progress: z.strictObject({ bytes: count, total: count }),
  output: z.strictObject({ path: z.string(), sha256: z.hex().length(64), bytes: count }),
  deadlineMs: dayMs,
  attempts: 5,
  backoff: exponential(200, { maxMs: 5_000 }),
})

/** A small version of an image; bytes travel as they are, through MessagePack. */
export const imageThumbnail: TaskDefinition<
  Same<ThumbnailInput>,
  undefined,
  Same<ThumbnailOutput>
> = defineTask({
  job: 'image',
  task: 'thumbnail',
  input: z
    .strictObject({
      source: z.union([file, z.strictObject({ bytes: z.instanceof(Uint8Array) })]),
      width: pixels,
      height: pixels,
      fit: z.enum(['cover', 'contain', 'fill', 'inside', 'outside']).optional(),
      format: z.enum(['jpeg', 'png', 'webp', 'avif']).optional(),
    })
    .refine((input) => input.width !== undefined || input.height !== undefined, 'give width, height or both'),
  output: z.strictObject({
    image: z.instanceof(Uint8Array),
    format: z.enum(['jpeg', 'png', 'webp', 'avif']),
    width: count,
    height: count,
  }),
  codec: msgpack,
  deadlineMs: 60_000,
})

/** Lines, words, characters and bytes of a text, as Unicode counts them. */
export const textStats: TaskDefinition<
  Same<TextInput>,
  Same<DigestProgress>,
  Same<TextStatsOutput>
> = defineTask({
  job: 'text',
  task: 'stats',
  input: z.union([file, z.strictObject({ text: z.string() })]),
  progress: z.strictObject({ bytes: count, total: count }),
  output: z.strictObject({ bytes: count, lines: count, words: count, characters: count, codePoints: count }),
  deadlineMs: dayMs,
})
