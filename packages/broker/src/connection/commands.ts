import { writeRefuse } from '@aether/wire'
import type { Connection } from './connection.ts'

export interface CommandProblem {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
}

/** Commands carry no number: each is known by its place on its connection, and confirmed with all before it at the end of the turn. */
export class Commands {
  refused = 0

  /** The next command has come. */
  begin(from: Connection): void {
    from.commands = (from.commands + 1) >>> 0
    from.touch()
  }

  /** The command being handled fails; the connection goes on. */
  refuse(from: Connection, problem: CommandProblem): void {
    this.refused++
    const { code, message, retryable } = problem
    writeRefuse(from.out, from.commands, code, message, { retryable: retryable === true })
  }
}
