/** W3C trace context: the headers that travel with every hop of a task. https://www.w3.org/TR/trace-context/ */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/

/** Takes a `traceparent` apart; undefined where it is not valid, which the specification wants ignored. */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  const match = text === undefined ? null : pattern.exec(text)
  if (match === null) return undefined
  const [whole, version = '', traceId = '', spanId = '', flags = ''] = match
  // Version ff is forbidden, version 00 has nothing after its flags, and ids of zeros mean none.
  if (version === 'ff' || (version === '00' && whole.length !== 55)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export function formatTraceparent(parent: TraceParent): string {
  return `00-${parent.traceId}-${parent.spanId}-${(parent.flags & 0xff).toString(16).padStart(2, '0')}`
}

/** What of a task's headers goes along with its events: the trace alone. Undefined without one. */
export function traceHeaders(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const { traceparent, tracestate } = headers
  if (traceparent === undefined) return undefined
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}
