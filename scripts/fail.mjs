// A failure that the reader can act on: a message instead of a stack trace.
import { constants } from 'node:os'

/** What is missing, and which command provides it. */
export class Advice extends Error {}

/** A signal asks this process to end, and what it ran has ended. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`ended by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/** What the system refuses, in words. */
const refusals = {
  EACCES: 'This user may not write there: `ls -ld` shows to whom it belongs.',
  EPERM: 'This user may not do that there: `ls -ld` shows to whom it belongs.',
  EROFS: 'The file system is read-only: clone the repository to a place that can be written.',
  ENOSPC: 'The disk is full: `df -h .` shows it.',
}

/**
 * Ends the process with what the reader can do; only a bug of the scripts keeps its stack.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  if (error instanceof Interrupted) process.exit(error.exitCode)
  process.stderr.write(`\n${explain(error)}\n`)
  process.exit(1)
}

/** @param {unknown} error */
function explain(error) {
  if (error instanceof Advice) return error.message
  if (!(error instanceof Error)) return String(error)
  const refusal =
    refusals[/** @type {keyof typeof refusals} */ (/** @type {NodeJS.ErrnoException} */ (error).code)]
  return refusal === undefined ? String(error.stack) : `${error.message}\n${refusal}`
}
