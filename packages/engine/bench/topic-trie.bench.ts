import { createTopicTrie } from '../src/index.ts'
import { measure, pick } from './measure.ts'

const filters = Array.from({ length: 10_000 }, (_, i) =>
  i % 10 === 0 ? `site/+/room${i}/#` : `site/floor${i % 100}/room${i}/temperature`,
)
const topics = Array.from({ length: 4_096 }, (_, i) => `site/floor${i % 100}/room${i}/temperature`)

for (const cacheSize of [8_192, 0]) {
  const trie = createTopicTrie<number>({ cacheSize })
  filters.forEach((filter, i) => trie.add(filter, i))
  measure(
    `match among 10 000 filters, ${cacheSize === 0 ? 'not remembered' : 'remembered'}`,
    1_000_000,
    (steps) => {
      let found = 0
      for (let i = 0; i < steps; i++) found += trie.match(pick(topics, i)).length
      if (found === 0) throw new Error('nothing matched')
    },
  )
  measure('add + remove', 100_000, (steps) => {
    for (let i = 0; i < steps; i++) {
      trie.add('site/+/extra/#', i)
      trie.remove('site/+/extra/#', i)
    }
  })
}
