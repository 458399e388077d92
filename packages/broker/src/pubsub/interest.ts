import { createTopicTrie } from '@aether/engine'
import type { Connection } from '../connection/connection.ts'
import { TaskInterest } from '../tasks/task-interest.ts'

/** Who has subscribed to what. A connection counts once, however many of its filters match. */
export class Interest {
  /** Grows with every change: whoever remembers matches compares. */
  generation = 1
  readonly tasks: TaskInterest = new TaskInterest()
  readonly #trie = createTopicTrie<Connection>()

  /** Subscriptions of all connections. */
  get size(): number {
    return this.#trie.size
  }

  /** The connections that want `topic`; not to be changed. */
  match(topic: string): readonly Connection[] {
    return this.#trie.match(topic)
  }

  /** The filter must be a valid one. */
  add(filter: string, connection: Connection): void {
    if (!this.#trie.add(filter, connection)) return
    this.generation++
    this.tasks.add(filter, connection)
  }

  remove(filter: string, connection: Connection): void {
    if (!this.#trie.remove(filter, connection)) return
    this.generation++
    this.tasks.remove(filter, connection)
  }
}
