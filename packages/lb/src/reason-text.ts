import { show } from './check-options.ts'

/** Why something failed, in words, whatever was thrown. */
export function reasonText(reason: unknown): string {
  if (typeof reason === 'string') return reason
  if (!(reason instanceof Error)) return show(reason)
  // The error of a connection that was tried at several addresses has a code, and no message.
  if (reason.message === '' && 'code' in reason) return String(reason.code)
  return reason.message || reason.name
}
