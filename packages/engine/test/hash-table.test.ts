import { describe, expect, test } from 'vitest'
import { hashOf, HashTable, type HashNode } from '../src/hash-table.ts'

class Node implements HashNode<Node> {
  readonly hash: number
  chained: Node | undefined = undefined

  constructor(hash: number) {
    this.hash = hash
  }
}

function find(table: HashTable<Node>, hash: number): Node | undefined {
  let node = table.bucket(hash)
  while (node !== undefined && node.hash !== hash) node = node.chained
  return node
}

describe('HashTable', () => {
  test('finds what it holds while it grows and shrinks, and refers to nothing that left', () => {
    const table = new HashTable<Node>()
    const nodes = Array.from({ length: 5_000 }, (_, index) => new Node(index * 3))
    for (const node of nodes) table.add(node)
    expect(table.size).toBe(5_000)
    expect(nodes.every((node) => find(table, node.hash) === node)).toBe(true)
    expect(find(table, 1)).toBeUndefined()
    for (const node of nodes.slice(10)) table.remove(node)
    expect(new Set(table.nodes())).toEqual(new Set(nodes.slice(0, 10)))
    expect(nodes.slice(10).every((node) => node.chained === undefined)).toBe(true)
    expect(find(table, 9)).toBe(nodes[3])
    expect(find(table, 300)).toBeUndefined()
  })

  test('tells nodes of one hash and one bucket apart', () => {
    const table = new HashTable<Node>()
    const [one, other, far] = [new Node(5), new Node(5), new Node(5 + 64 * 2 ** 26)]
    for (const node of [one, other, far]) table.add(node)
    table.remove(other)
    expect(new Set(table.nodes())).toEqual(new Set([one, far]))
    table.remove(other)
    expect(table.size).toBe(2)
  })
})

describe('hashOf', () => {
  test('is the same for the same name, and spreads names that differ little', () => {
    expect(hashOf('abc')).toBe(hashOf(['a', 'bc'].join('')))
    const low = new Set(Array.from({ length: 4_096 }, (_, index) => hashOf(`task-${index}`) & 4_095))
    // By chance about 63 % of the buckets are met.
    expect(low.size).toBeGreaterThan(2_300)
  })
})
