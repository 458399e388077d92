import { EngineError } from '../engine-error.ts'
import { MatchCache } from './match-cache.ts'
import { isFilter } from './topic-names.ts'

export interface TopicTrieOptions {
  /** Topics whose matches are remembered; 0 remembers none. @default 8_192 */
  readonly cacheSize?: number
}

/** Filters with `+` and `#` and what is filed under each, matched against topics. */
export interface TopicTrie<T> {
  /** Distinct pairs of filter and value. */
  readonly size: number
  /** Files a value under a filter. False when it is there already. Throws `ERR_AETHER_TOPIC_INVALID`. */
  add(filter: string, value: T): boolean
  /** False when it was not there. */
  remove(filter: string, value: T): boolean
  /** Every value with a matching filter, once each, in an array that must not be changed. A topic seen before, with no change since, costs one lookup. */
  match(topic: string): readonly T[]
  /** Whether this value is filed under this filter. */
  has(filter: string, value: T): boolean
}

class TrieNode<T> {
  children: Map<string, TrieNode<T>> | undefined = undefined
  plus: TrieNode<T> | undefined = undefined
  /** Filed under the filter that ends here. */
  values: Set<T> | undefined = undefined
  /** Filed under this filter followed by `/#`. */
  below: Set<T> | undefined = undefined

  get isEmpty(): boolean {
    return (
      this.values === undefined &&
      this.below === undefined &&
      this.plus === undefined &&
      this.children === undefined
    )
  }
}

class Trie<T> implements TopicTrie<T> {
  readonly #root = new TrieNode<T>()
  readonly #cache: MatchCache<readonly T[]>
  #size = 0

  constructor(cacheSize: number) {
    this.#cache = new MatchCache(cacheSize)
  }

  get size(): number {
    return this.#size
  }

  add(filter: string, value: T): boolean {
    if (!isFilter(filter)) {
      throw new EngineError('ERR_AETHER_TOPIC_INVALID', `not a topic filter: ${JSON.stringify(filter)}`, {
        filter,
      })
    }
    const set = this.#set(filter)
    if (set.has(value)) return false
    set.add(value)
    this.#size++
    this.#cache.clear()
    return true
  }

  remove(filter: string, value: T): boolean {
    if (!removeFrom(this.#root, filter.split('/'), 0, value)) return false
    this.#size--
    this.#cache.clear()
    return true
  }

  has(filter: string, value: T): boolean {
    let node: TrieNode<T> | undefined = this.#root
    for (const level of filter.split('/')) {
      if (level === '#') return node?.below?.has(value) ?? false
      node = level === '+' ? node?.plus : node?.children?.get(level)
    }
    return node?.values?.has(value) ?? false
  }

  match(topic: string): readonly T[] {
    const known = this.#cache.get(topic)
    if (known !== undefined) return known
    const found = new Set<T>()
    collect(this.#root, topic.split('/'), 0, topic.startsWith('$'), found)
    const values = [...found]
    this.#cache.set(topic, values)
    return values
  }

  #set(filter: string): Set<T> {
    let node = this.#root
    for (const level of filter.split('/')) {
      if (level === '#') return (node.below ??= new Set())
      if (level === '+') node = node.plus ??= new TrieNode()
      else {
        node.children ??= new Map()
        let child = node.children.get(level)
        if (child === undefined) node.children.set(level, (child = new TrieNode()))
        node = child
      }
    }
    return (node.values ??= new Set())
  }
}

function collect<T>(
  node: TrieNode<T>,
  levels: readonly string[],
  at: number,
  reserved: boolean,
  found: Set<T>,
): void {
  // A leading wildcard does not reach topics that begin with `$` (MQTT 5, 4.7.2).
  const wild = !(reserved && at === 0)
  if (wild && node.below !== undefined) for (const value of node.below) found.add(value)
  if (at === levels.length) {
    if (node.values !== undefined) for (const value of node.values) found.add(value)
    return
  }
  const child = node.children?.get(levels[at] as string)
  if (child !== undefined) collect(child, levels, at + 1, reserved, found)
  if (wild && node.plus !== undefined) collect(node.plus, levels, at + 1, reserved, found)
}

/** Removes the value and, on the way back, every node that has become empty. */
function removeFrom<T>(node: TrieNode<T>, levels: readonly string[], at: number, value: T): boolean {
  const level = levels[at]
  if (level === '#') {
    if (node.below?.delete(value) !== true) return false
    if (node.below.size === 0) node.below = undefined
    return true
  }
  if (level === undefined) {
    if (node.values?.delete(value) !== true) return false
    if (node.values.size === 0) node.values = undefined
    return true
  }
  const next = level === '+' ? node.plus : node.children?.get(level)
  if (next === undefined || !removeFrom(next, levels, at + 1, value)) return false
  if (next.isEmpty) {
    if (level === '+') node.plus = undefined
    else if (node.children?.delete(level) === true && node.children.size === 0) node.children = undefined
  }
  return true
}

/** Makes an empty trie. */
export function createTopicTrie<T>(options: TopicTrieOptions = {}): TopicTrie<T> {
  const cacheSize = options.cacheSize ?? 8_192
  if (!Number.isSafeInteger(cacheSize) || cacheSize < 0) {
    throw new EngineError(
      'ERR_AETHER_OPTIONS_INVALID',
      `cacheSize: expected an integer of 0 or more, got ${cacheSize}`,
    )
  }
  return new Trie<T>(cacheSize)
}
