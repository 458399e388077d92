import type { Settlement } from '../contract.ts'
import type { HashNode } from '../hash-table.ts'
import type { Known, Union } from './route.ts'
import type { Task } from './task.ts'

/** What is remembered of a task that ended in its named workgroup: the answer, and no more, since a hundred thousand of these are kept. */
export class Finished implements HashNode<Known> {
  readonly kind = 'finished'
  readonly tid: string
  readonly hash: number
  readonly union: Union
  readonly settlement: Settlement<unknown>
  /** Size of what ended it, as the shell counts. */
  readonly bytes: number
  /** When it is forgotten, and the next to be. */
  readonly forgetAt: number
  next: Finished | undefined = undefined
  chained: Known | undefined = undefined
  /** While the union still knows it by its task, on which another workgroup may work. */
  task: Task | undefined
  /** Its time, or room for it, is over. */
  isForgotten = false

  constructor(task: Task, settlement: Settlement<unknown>, bytes: number, forgetAt: number) {
    this.tid = task.tid
    this.hash = task.hash
    this.union = task.route.union
    this.settlement = settlement
    this.bytes = bytes
    this.forgetAt = forgetAt
    this.task = task
  }
}
