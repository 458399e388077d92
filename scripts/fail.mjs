// A failure that the reader can act on: a message instead of a stack trace.

/** What is missing, and which command provides it. */
export class Advice extends Error {}

/**
 * Ends the process with the message of an `Advice`; anything else is a bug of the scripts and keeps its stack.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  const text = error instanceof Advice ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`\n${text}\n`)
  process.exit(1)
}
