import type { Backend } from '../backends/backend.ts'
import type { Scratch } from './scratch.ts'

/** One way to give turns by weight; another one can go on where it stands. */
export interface Rotation {
  pick(picking: Scratch): Backend | undefined
  /** How much of one turn's time each has to wait for its next turn: 1 for one that has just had it, or has just come. */
  ahead(): Map<Backend, number>
}
