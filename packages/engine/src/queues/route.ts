import type { Finished } from './finished.ts'
import { HashTable } from '../hash-table.ts'
import { Queue } from './queue.ts'
import type { Task } from './task.ts'

/** What a tid may mean. */
export type Known = Task | Finished

/** A namespace: the scope of tids. */
export class Union {
  readonly name: string
  /** Tasks that are open or remembered. */
  readonly tasks: HashTable<Known> = new HashTable()
  /** Routes that belong to it. */
  routes = 0

  constructor(name: string) {
    this.name = name
  }

  find(tid: string, hash: number): Known | undefined {
    let known = this.tasks.bucket(hash)
    while (known !== undefined && (known.hash !== hash || known.tid !== tid)) known = known.chained
    return known
  }
}

/** One address of work, known by name once. */
export class Route {
  readonly name: string
  readonly union: Union
  /** One for each workgroup that is subscribed or still has something open. */
  readonly queues: Queue[] = []
  /** Tasks with a copy that is not over. */
  open = 0
  /** Neighbours among the idle routes, longest idle first. */
  prevIdle: Route | undefined = undefined
  nextIdle: Route | undefined = undefined

  constructor(name: string, union: Union) {
    this.name = name
    this.union = union
  }

  queue(workgroup: string): Queue | undefined {
    for (const queue of this.queues) if (queue.workgroup === workgroup) return queue
    return undefined
  }

  isSubscribed(workgroup: string): boolean {
    const queue = this.queue(workgroup)
    return queue !== undefined && queue.links.length > 0
  }

  openQueue(workgroup: string): Queue {
    let queue = this.queue(workgroup)
    if (queue === undefined) this.queues.push((queue = new Queue(this, workgroup)))
    return queue
  }

  /** Lets go of a queue that serves nobody and holds nothing. True when it went. */
  dropQueue(queue: Queue): boolean {
    if (queue.open > 0 || queue.links.length > 0) return false
    const at = this.queues.indexOf(queue)
    if (at < 0) return false
    this.queues.splice(at, 1)
    return true
  }
}
