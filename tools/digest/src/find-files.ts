import { readdir } from 'node:fs/promises'

/** A regular file below the folder. */
export interface FoundFile {
  /** Relative to the folder, with `/`. Characters that are no valid UTF-8 are replaced. */
  readonly path: string
  /** The exact bytes of the path, where replacing lost something. */
  readonly pathBase64: string | undefined
}

export interface FoundProblem {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** Everything below a folder: what is digested, and what is not, so that nothing is left out silently. */
export interface FoundFiles {
  readonly files: readonly FoundFile[]
  /** Symbolic links: not followed. */
  readonly links: number
  /** Pipes, sockets and devices. */
  readonly others: number
  /** Folders that could not be read. */
  readonly problems: readonly FoundProblem[]
}

export interface FindFilesOptions {
  readonly signal?: AbortSignal
}

/** Folders read at a time. */
const width = 8

/**
 * Finds every regular file below `folder`, hidden ones and those of version control included, following no link. Sorted by path.
 * Rejects when the folder itself cannot be read.
 */
export async function findFiles(folder: string, options: FindFilesOptions = {}): Promise<FoundFiles> {
  const { signal } = options
  // Names are bytes to the file system: as latin1 each byte is one character, and none is lost.
  const root = Buffer.from(folder).toString('latin1')
  const files: FoundFile[] = []
  const problems: FoundProblem[] = []
  let links = 0
  let others = 0
  const waiting = ['']

  async function visit(relative: string): Promise<void> {
    const path = Buffer.from(relative === '' ? root : `${root}/${relative}`, 'latin1')
    // The types lack this encoding for entries; only the folder itself has to be bytes.
    const entries = await readdir(path, { withFileTypes: true, encoding: 'latin1' })
    for (const entry of entries) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (entry.isDirectory()) waiting.push(name)
      else if (entry.isFile()) files.push(foundFile(name))
      else if (entry.isSymbolicLink()) links++
      else others++
    }
  }

  async function walk(): Promise<void> {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      signal?.throwIfAborted()
      const relative = next
      await visit(relative).catch((error: unknown) => {
        if (relative === '') throw error
        const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException
        problems.push({ path: foundFile(relative).path, code, message })
      })
    }
  }

  await visit(waiting.pop() ?? '')
  while (waiting.length > 0) await Promise.all(Array.from({ length: width }, walk))
  files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  return { files, links, others, problems }
}

function foundFile(latin1: string): FoundFile {
  const bytes = Buffer.from(latin1, 'latin1')
  const path = bytes.toString('utf8')
  const isExact = Buffer.from(path, 'utf8').equals(bytes)
  return { path, pathBase64: isExact ? undefined : bytes.toString('base64') }
}
