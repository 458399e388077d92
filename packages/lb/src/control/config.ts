import { LineCounter, parseDocument, type Document } from 'yaml'
import { LbError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { checkSchema, type Locate } from './check-schema.ts'
import { configSchema, type LbConfig } from './config-schema.ts'

export type { LbConfig } from './config-schema.ts'

/** More is no configuration of a balancer. */
const longestText = 4 * 1024 * 1024
/** How often all aliases together may be followed: a few lines could otherwise stand for billions. */
const maxAliases = 100

/**
 * Options and backends from a configuration in YAML or JSON, in the words of the document: snake case, seconds. Everything is checked: types, ranges, keys that
 * do not exist or stand twice. An error names the line, the path, what stands there and what is allowed. Nothing in the text can make anything but plain data.
 * `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_ALGORITHM_INVALID`, `ERR_AETHER_BACKEND_DUPLICATE`.
 *
 * @example
 * const { options, backends } = readConfig(await readFile('lb.yaml', 'utf8'))
 * const lb = createBalancer(options)
 * for (const backend of backends) lb.add(backend)
 */
export function readConfig(text: string): LbConfig {
  if (text.length > longestText)
    throw new LbError(
      'ERR_AETHER_OPTIONS_INVALID',
      `the configuration has ${text.length} characters, at most ${longestText} are read`,
    )
  const lines = new LineCounter()
  const parsed = parseText(text, lines)
  return parse(parsed.value, locator(parsed.document, lines))
}

/** The same from a value, as a parser of JSON gives it. */
export function parseConfig(value: unknown): LbConfig {
  return parse(value, undefined)
}

function parse(value: unknown, locate: Locate | undefined): LbConfig {
  const config = checkSchema(configSchema, value ?? {}, 'config', locate)
  // What depends on more than one value: a maximum below its minimum, a cookie without a secret.
  checkOptions(config.options)
  return config
}

function parseText(
  text: string,
  lines: LineCounter,
): { readonly document: Document; readonly value: unknown } {
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      schema: 'core',
      uniqueKeys: true,
      strict: true,
    })
    // A tag that is not of the core schema is only a warning there: here nothing stands for anything else.
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return { document, value: document.toJS({ maxAliasCount: maxAliases }) as unknown }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', `the configuration cannot be read: ${why}`, {
      cause: error,
    })
  }
}

/** Finds the line of what stands at a path, or of the nearest thing around it. */
function locator(document: Document, lines: LineCounter): Locate {
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = document.getIn(path.slice(0, length), true)
      const start = rangeOf(node)
      if (start === undefined) continue
      const { line, col } = lines.linePos(start)
      return `line ${line}, column ${col}: `
    }
    return ''
  }
}

function rangeOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  const { range } = node as { readonly range?: readonly number[] | null }
  return range?.[0]
}
