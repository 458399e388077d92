import { readFile } from 'node:fs/promises'

import { AetherError } from '@aether/core'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'

/** A configuration file as it was read: values, and where each key stands. */
export interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<string, unknown>
  /** `worker.yaml:3:1` */
  where(key: string): string
}

/**
 * Reads a configuration file, YAML or JSON (which is YAML too).
 * @throws AetherError `ERR_AETHER_OPTIONS_INVALID` when it cannot be read or parsed; the message says where.
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(`cannot read the configuration file ${path}: ${(cause as Error).message}`, cause)
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const [error] = document.errors
  // The parser's own text may quote the line, and with it a secret: only its code is passed on.
  if (error !== undefined) throw invalid(`${place(error.pos[0])}: not valid YAML or JSON (${error.code})`)
  const places = new Map<string, string>()
  const values = new Map<string, unknown>()
  if (document.contents === null) return { path, values, where: () => path }
  if (!isMap(document.contents)) throw invalid(`${path}: must hold one mapping of settings to values`)
  for (const { key, value } of document.contents.items) {
    if (!isScalar(key) || typeof key.value !== 'string') throw invalid(`${path}: every key must be a text`)
    places.set(key.value, place(key.range?.[0] ?? 0))
    values.set(key.value, toPlain(value, document))
  }
  return { path, values, where: (key) => places.get(key) ?? path }
}

function toPlain(value: unknown, document: ReturnType<typeof parseDocument>): unknown {
  const node = value as { toJS?: (owner: typeof document) => unknown } | null
  return node?.toJS?.(document) ?? undefined
}

function invalid(message: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', message, { cause })
}
