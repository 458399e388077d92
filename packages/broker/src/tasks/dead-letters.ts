import type { DeadLetter } from '@aether/engine'
import { decodeCompleteBlock, findHeader, FrameCursor } from '@aether/wire'
import type { TaskEngine } from './tasks.ts'

/** A task that nobody could do, as the broker keeps it. */
export interface BrokerDeadLetter {
  readonly tid: string
  /** `union/job/task/context` */
  readonly route: string
  readonly workgroup: string
  /** How often it was delivered. */
  readonly attempts: number
  /** Its attempts ran out, or a worker rejected it for good. */
  readonly reason: 'attempts-exhausted' | 'rejected'
  /** What the last worker said, if it lived to say something. */
  readonly errorCode?: string
  readonly errorMessage?: string
  /** How long ago, milliseconds. */
  readonly ageMs: number
}

/** Names one dead letter. */
export interface DeadLetterKey {
  readonly route: string
  readonly workgroup: string
  readonly tid: string
}

const MESSAGE_LIMIT = 1_000
const MAX_TID_BYTES = 255

export function describeDeadLetter(letter: DeadLetter<Uint8Array>, now: number): BrokerDeadLetter {
  const { tid, route, workgroup, attempts, reason, error } = letter
  const described = { tid, route, workgroup, attempts, reason, ageMs: Math.round(now - letter.at) }
  if (!(error instanceof Uint8Array)) return described
  const block = decodeCompleteBlock(error)
  const code = findHeader(error, block.headersAt, block.headersEnd, 'e')
  const message = findHeader(error, block.headersAt, block.headersEnd, 'm')
  return {
    ...described,
    ...(code === undefined ? {} : { errorCode: code }),
    ...(message === undefined ? {} : { errorMessage: message.slice(0, MESSAGE_LIMIT) }),
  }
}

/**
 * Sends a dead letter again, to its workgroup, under a tid of its own (the old one has ended, and its end is remembered): the old one with `~1`, or the
 * next number that is free. Undefined when there is no such letter; it stays where it is when the engine has no room.
 */
export function redriveDeadLetter(engine: TaskEngine, key: DeadLetterKey): string | undefined {
  const { route, workgroup, tid } = key
  let found: DeadLetter<Uint8Array> | undefined
  for (const letter of engine.deadLetters()) {
    if (letter.tid === tid && letter.route === route && letter.workgroup === workgroup) found = letter
  }
  if (found === undefined) return undefined
  for (let number = 1; number < 1_000; number++) {
    const next = nextTid(tid, number)
    const result = engine.send(route, respec(found.body, next, workgroup), undefined)
    if (result === 'deduplicated') continue
    if (result !== 'accepted') return undefined
    engine.takeDeadLetter(route, workgroup, tid)
    return next
  }
  return undefined
}

/** The same task under another tid; its deadline has passed or will not come back, so it has none. */
function respec(block: Uint8Array, tid: string, workgroup: string): Parameters<TaskEngine['send']>[1] {
  const cursor = new FrameCursor().reset(block, 0, block.length)
  cursor.u8()
  const priority = cursor.u8()
  const attempts = cursor.u16()
  const ttlMs = cursor.u32()
  cursor.u32()
  const tidAt = cursor.position
  cursor.str8()
  const name = Buffer.from(tid)
  const group = Buffer.from(workgroup)
  cursor.str8()
  const body = Buffer.concat([
    block.subarray(0, tidAt),
    Uint8Array.of(name.length),
    name,
    Uint8Array.of(group.length),
    group,
    block.subarray(cursor.position),
  ])
  return {
    tid,
    workgroup,
    body,
    bytes: body.length,
    priority,
    attempts,
    ttlMs,
    delayMs: 0,
    deadlineMs: 0,
    waitForWorkers: true,
  }
}

function nextTid(tid: string, number: number): string {
  const base = tid.replace(/~\d{1,3}$/, '')
  const suffix = `~${number}`
  // By whole characters: half of one is not what its bytes say.
  const kept = Array.from(base)
  while (Buffer.byteLength(kept.join('')) + suffix.length > MAX_TID_BYTES) kept.pop()
  return kept.join('') + suffix
}
