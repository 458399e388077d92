import type { AetherError } from '@aether/core'
import { overServerLimit } from '../errors.ts'
import type { DriverArgument } from './call.ts'

/** What a server takes at once. Past it, it ends the connection, and mostly before its error can be read. */
export interface ServerLimits {
  readonly argumentBytes: number
  readonly commandBytes: number
}

/** What stands around each argument on the wire, at most. */
const AROUND = 16

/** Why a command cannot be sent, if it cannot. Text counts as if each character took as much as any can. */
export function overLimit(args: readonly DriverArgument[], limits: ServerLimits): AetherError | undefined {
  let total = 0
  for (const argument of args) {
    const bytes = argument instanceof Buffer ? argument.length : String(argument).length * 3
    if (bytes > limits.argumentBytes && byteLength(argument) > limits.argumentBytes)
      return overServerLimit(byteLength(argument), 'proto-max-bulk-len', limits.argumentBytes)
    total += bytes + AROUND
  }
  if (total <= limits.commandBytes) return undefined
  const exact = args.reduce<number>((sum, argument) => sum + byteLength(argument) + AROUND, 0)
  return exact > limits.commandBytes
    ? overServerLimit(exact, 'client-query-buffer-limit', limits.commandBytes)
    : undefined
}

function byteLength(argument: DriverArgument): number {
  return argument instanceof Buffer ? argument.length : Buffer.byteLength(String(argument))
}
