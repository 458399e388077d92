import { ByteReader } from './byte-reader.ts'
import type { Lane } from './lane.ts'
import { revokeError } from './queue-errors.ts'

/** Takes apart what scripts wrote to an inbox: a lane, then bells, events and revocations. */
export function readInbox(
  message: Buffer,
  lanes: ReadonlyMap<string, Lane>,
  onEvent: (lane: Lane, tid: string, event: Buffer) => void,
): void {
  const reader = new ByteReader(message)
  const lane = lanes.get(reader.text())
  // All that concerned it is over.
  if (lane === undefined) return
  while (!reader.isAtEnd) {
    const kind = reader.u8()
    const length = reader.u32()
    const part = new ByteReader(message, reader.at, reader.at + length)
    reader.view(length)
    if (kind === 1) lane.seats.get(part.rest().toString())?.ring()
    else if (kind === 2) onEvent(lane, part.text(), part.rest())
    else if (kind === 3) revoke(lane, part)
  }
}

function revoke(lane: Lane, part: ByteReader): void {
  const seat = lane.seats.get(part.text())
  const context = part.text()
  const id = part.short()
  const attempt = part.u32()
  const why = part.u8()
  const said = part.text()
  seat?.revoke(context, id, attempt, (tid) => revokeError(why, tid, attempt, said))
}
