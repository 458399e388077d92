import type { Logger } from '../transport.ts'

const nothing = (): void => {}

/** What is used where no logger is given. */
export const silentLogger: Logger = Object.freeze({
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
})
