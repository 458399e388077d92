import type { PresenceEvent } from '../transport.ts'
import type { CodecSet } from '../codec/codec-set.ts'

/** What a worker's sign of life says of one of its tasks; the route of the event names the task. Always JSON. */
export interface PresenceBody {
  readonly workgroup: string
  /** `+` where it takes any. */
  readonly context: string
  readonly active: number
  readonly concurrency: number
  /** Of the whole worker, all its tasks together. */
  readonly workerActive: number
  readonly workerConcurrency: number
  /** How often it says so: silence for three times as long means that it is gone. */
  readonly presenceMs: number
}

/** Reads a sign of life; undefined where it is of a foreign form, as other peers may add their own. */
export function readPresenceBody(event: PresenceEvent, codecs: CodecSet): PresenceBody | undefined {
  let body: unknown
  try {
    body = codecs.named(event.codec).decode(event.body)
  } catch {
    // A peer that sends what cannot be read is passed over, as is one that sends something else.
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  const { workgroup, context } = body as Partial<PresenceBody>
  if (typeof workgroup !== 'string') return undefined
  const count = (name: keyof PresenceBody): number => {
    const value = (body as Record<string, unknown>)[name]
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
  }
  return {
    workgroup,
    context: typeof context === 'string' ? context : event.route.context,
    active: count('active'),
    concurrency: count('concurrency'),
    workerActive: count('workerActive'),
    workerConcurrency: count('workerConcurrency'),
    presenceMs: count('presenceMs'),
  }
}
