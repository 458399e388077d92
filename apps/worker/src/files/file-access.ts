import type { BigIntStats } from 'node:fs'
import { constants, type FileHandle, lstat, open, realpath } from 'node:fs/promises'
import { posix, sep } from 'node:path'

import { AetherError } from '@aether/core'

/** Which file is meant: by its name, and by the bytes of its name where they are no valid UTF-8. */
export interface FileReference {
  readonly path: string
  readonly pathBase64?: string | undefined
}

export interface FileAccessOptions {
  /** The folder that paths are relative to and may not leave; links on the way are refused as well. @default none: any absolute path */
  readonly root?: string | undefined
}

/** Opens regular files by what a task says. */
export interface FileAccess {
  /**
   * Opens a regular file for reading, following no link.
   * @throws AetherError `ERR_AETHER_TASK_FAILED` whose `detail.code` is the system's code (`ENOENT`, `EACCES` …), `ENOTREG` for what is no regular
   * file (folder, pipe, device), `ELOOP` for a link, `EPERM` for a path outside of the root.
   */
  open(file: FileReference): Promise<OpenFile>
}

export interface OpenFile {
  readonly handle: FileHandle
  /** Its size when it was opened. */
  readonly size: number
}

/** Codes after which the same file may well be readable a little later. */
const passing = new Set([
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EIO',
  'ENOMEM',
  'ETIMEDOUT',
  'ESTALE',
])

/** The failure of a task that could not read a file; retried only where the trouble may pass. */
export function fileFailure(path: string, code: string, text: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_TASK_FAILED', `cannot read ${JSON.stringify(path)}: ${text} (${code})`, {
    cause,
    retryable: passing.has(code),
    detail: { code, path },
  })
}

/** Turns what the file system threw while `path` was read into a failure of the task; leaves anything else as it is. */
export function asFileFailure(path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (!(error instanceof Error) || typeof code !== 'string' || typeof syscall !== 'string') return error
  if (code === 'ELOOP') return fileFailure(path, code, 'it is a symbolic link', error)
  return fileFailure(path, code, describe(error.message), error)
}

/** `ENOENT: no such file or directory, open '/a/b'` → `no such file or directory` */
function describe(message: string): string {
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
}

export function fileAccess(options: FileAccessOptions = {}): FileAccess {
  const { root } = options
  const realRoot = root === undefined ? undefined : realpath(root, { encoding: 'latin1' })
  // Awaited by each `open`; until then nobody else would handle its rejection.
  realRoot?.catch(() => undefined)
  return {
    async open(file) {
      try {
        return await openRegular(await locate(file, await realRoot), file.path)
      } catch (error) {
        throw asFileFailure(file.path, error)
      }
    },
  }
}

async function openRegular(path: Buffer, shown: string): Promise<OpenFile> {
  // Looking first, because opening a device or a pipe has effects of its own; looking again once open, because the name may have changed hands.
  refuseOthers(await lstat(path, { bigint: true }), shown)
  const handle = await open(
    path,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  )
  try {
    const stats = await handle.stat({ bigint: true })
    refuseOthers(stats, shown)
    return { handle, size: Number(stats.size) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function refuseOthers(stats: BigIntStats, shown: string): void {
  if (stats.isSymbolicLink()) throw fileFailure(shown, 'ELOOP', 'it is a symbolic link')
  if (!stats.isFile()) throw fileFailure(shown, 'ENOTREG', 'it is not a regular file')
}

/**
 * Finds the place of a file as bytes. Names are handled as `latin1` texts, one character a byte: so that any name that the file system allows comes
 * through unchanged.
 */
async function locate(file: FileReference, root: string | undefined): Promise<Buffer> {
  const bytes =
    file.pathBase64 === undefined ? Buffer.from(file.path) : Buffer.from(file.pathBase64, 'base64')
  if (bytes.length === 0 || bytes.includes(0)) throw fileFailure(file.path, 'EINVAL', 'it is no path')
  if (root === undefined) {
    const isAbsolute = sep === '/' ? bytes[0] === 0x2f : /^[a-z]:[\\/]|^[\\/]{2}/i.test(file.path)
    if (!isAbsolute)
      throw fileFailure(file.path, 'EINVAL', 'it must be an absolute path, as the worker has no root')
    return bytes
  }
  const name = bytes.toString('latin1')
  const full = posix.resolve(root, name)
  const isInside = full.startsWith(root.endsWith('/') ? root : `${root}/`)
  if (!isInside) throw fileFailure(file.path, 'EPERM', 'it is outside of the root of this worker')
  const parent = posix.dirname(full)
  const realParent = await realpath(Buffer.from(parent, 'latin1'), { encoding: 'latin1' })
  if (realParent !== parent) throw fileFailure(file.path, 'ELOOP', 'a folder on the way is a symbolic link')
  return Buffer.from(full, 'latin1')
}
