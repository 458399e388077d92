import type { CompleteEvent, Route, TaskMessage } from '@aether/core'
import { readEvent } from './event-frame.ts'
import { readTask } from './task-frame.ts'

/** A task that was given up, or ended so by its worker. */
export interface QueueDeadLetter {
  /** Of its entry among the dead letters. */
  readonly id: string
  readonly task: TaskMessage
  /** In which it ended. */
  readonly workgroup: string
  /** How it ended there. */
  readonly end: CompleteEvent
}

/** Reads an entry of the stream of dead letters. */
export function deadLetterOf(route: Route, id: string, fields: readonly Buffer[]): QueueDeadLetter {
  const found = new Map<string, Buffer>()
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [name, value] = [fields[index], fields[index + 1]]
    if (name !== undefined && value !== undefined) found.set(name.toString(), value)
  }
  const text = (name: string): string => found.get(name)?.toString() ?? ''
  const at = { union: route.union, job: route.job, task: route.task, context: text('context') }
  const task = readTask(found.get('task') ?? Buffer.alloc(0), at, 0)
  const end = readEvent(found.get('end') ?? Buffer.alloc(0), at, text('tid')) as CompleteEvent
  return { id, task, workgroup: text('workgroup'), end }
}
