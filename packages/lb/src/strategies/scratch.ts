import type { Backend } from '../backends/backend.ts'
import type { Moment } from '../latency/moment.ts'
import type { Picking } from './strategy.ts'

/** A `Picking` for strategies of ours: it takes and gives fractions in fields, since one that goes in or out of a function may be made an object. */
export interface Scratch extends Picking, Moment {
  /** That of the candidate for which `note` is called next. */
  score: number
  /** As `bound` sets it. */
  perWeight: number
  /** As `consider` does, with the score in its field. */
  note(candidate: Backend): void
}
