// A failure that the reader can act on: a message instead of a stack trace.

/** What is missing, and which command provides it. */
export class Advice extends Error {}

/**
 * Ends the process with the message of an `Advice`; anything else is a bug of the scripts and keeps its stack.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  process.stderr.write(error instanceof Advice ? `\n${error.message}\n` : `\n${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
}
