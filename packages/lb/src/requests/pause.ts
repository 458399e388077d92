import type { Due } from './timer-wheel.ts'

/** A pause of a run: before a retry, or before a hedge. */
export class Pause implements Due {
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1
  readonly onDue: () => void

  constructor(onDue: () => void) {
    this.onDue = onDue
  }
}
