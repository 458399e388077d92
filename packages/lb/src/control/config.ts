import {
  type Document,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  YAMLParseError,
} from 'yaml'
import { checkBackend } from '../backends/backend.ts'
import { show } from '../check-options.ts'
import { LbError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { checkMember } from '../scaling/replica-groups.ts'
import { strategyFactory } from '../strategies/algorithm.ts'
import { reasonText } from '../reason-text.ts'
import { checkSchema, type Locate } from './check-schema.ts'
import { configSchema, type LbConfig } from './config-schema.ts'

export type { LbConfig } from './config-schema.ts'

/** More is no configuration of a balancer. */
const longestText = 1_048_576
/** Far more than a configuration has; what nests much deeper overflows the stack of those who read it, and may end the process. */
const deepest = 50
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
  if (typeof text !== 'string')
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', `a configuration is a text, not ${show(text)}`)
  if (text.length > longestText)
    throw new LbError(
      'ERR_AETHER_OPTIONS_INVALID',
      `the configuration has ${text.length} characters, at most ${longestText} are read`,
    )
  checkDepth(text)
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
  const { groups } = within(
    () => 'load_balancing, as options in milliseconds: ',
    () => {
      const checked = checkOptions(config.options)
      strategyFactory(checked.algorithm)
      return checked
    },
  )
  const ids = new Set<string>()
  for (const [index, backend] of config.backends.entries()) {
    const path = `backends[${index}]`
    within(
      () => locate?.(['backends', index]) ?? '',
      () => {
        const { id, group } = checkBackend(backend, path)
        if (ids.has(id))
          throw new LbError(
            'ERR_AETHER_BACKEND_DUPLICATE',
            `${path} has the id "${id.slice(0, 100)}" of another one: give it an id of its own`,
          )
        ids.add(id)
        within(
          () => `${path}.group: `,
          () => checkMember(groups, group),
        )
      },
    )
  }
  return config
}

/** Errors of what is checked begin with where that is. */
function within<T>(where: () => string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof LbError)) throw error
    throw new LbError(error.code, `${where()}${error.message}`, { cause: error })
  }
}

/** The parser of tokens keeps a stack of its own, so it can look at anything. */
function checkDepth(text: string): void {
  const parser = new Parser()
  for (const lexeme of new Lexer().lex(text)) {
    // What it yields is complete, and of no interest here.
    Array.from(parser.next(lexeme))
    // A collection in it takes two places.
    if (parser.stack.length > deepest * 2)
      throw new LbError(
        'ERR_AETHER_OPTIONS_INVALID',
        `the configuration nests more than ${deepest} levels deep`,
      )
  }
}

interface Parsed {
  readonly document: Document
  readonly value: unknown
}

function parseText(text: string, lines: LineCounter): Parsed {
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      schema: 'core',
      strict: true,
      uniqueKeys: true,
      // With a tag it is something else than it seems, and nothing here needs any.
      resolveKnownTags: false,
    })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return { document, value: document.toJS({ maxAliasCount: maxAliases }) as unknown }
  } catch (error) {
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', `the configuration cannot be read: ${reasonOf(error)}`)
  }
}

/** Without the lines themselves, which the parser shows too: there may be a secret in them. */
function reasonOf(error: unknown): string {
  const [reason = ''] = reasonText(error).split('\n')
  return error instanceof YAMLParseError ? reason.replace(/:$/, '') : reason
}

/** Finds the line of what stands at a path, or of the nearest thing around it. */
function locator(document: Document, lines: LineCounter): Locate {
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const start = startOf(document, path.slice(0, length))
      if (start === undefined) continue
      const { line, col } = lines.linePos(start)
      return `line ${line}, column ${col}: `
    }
    return ''
  }
}

function startOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  // What stands in a map begins with its key.
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
    : undefined
  const node: unknown = pair?.key ?? document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}
