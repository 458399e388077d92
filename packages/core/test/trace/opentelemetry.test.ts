import {
  context,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
  type SpanStatus,
  type Tracer,
} from '@opentelemetry/api'
import { afterEach, describe, expect, it } from 'vitest'

import { openTelemetry } from '../../src/trace/opentelemetry.ts'
import { defineTask } from '../../src/define/define-task.ts'
import { echo, setUp, work } from '../support/settings.ts'

interface Recorded {
  readonly name: string
  readonly spanId: string
  readonly traceId: string
  readonly parentId: string | undefined
  status: SpanStatus | undefined
  isEnded: boolean
}

/** A provider that records: enough of an SDK to see who is whose child. */
function record(): Recorded[] {
  const spans: Recorded[] = []
  const tracer: Tracer = {
    startSpan(name: string, _options: object = {}, parent: Context = context.active()): Span {
      const parentContext = trace.getSpanContext(parent)
      const spanId = (spans.length + 1).toString(16).padStart(16, '0')
      const traceId = parentContext?.traceId ?? (spans.length + 1).toString(16).padStart(32, 'a')
      const spanContext: SpanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
      const recorded: Recorded = {
        name,
        spanId,
        traceId,
        parentId: parentContext?.spanId,
        status: undefined,
        isEnded: false,
      }
      spans.push(recorded)
      const span = trace.wrapSpanContext(spanContext)
      return Object.assign(Object.create(span) as Span, {
        spanContext: () => spanContext,
        setStatus: (status: SpanStatus) => (recorded.status = status),
        recordException: () => {},
        end: () => (recorded.isEnded = true),
      })
    },
    startActiveSpan: () => {
      throw new Error('not used')
    },
  }
  trace.setGlobalTracerProvider({ getTracer: () => tracer })
  return spans
}

afterEach(() => trace.disable())

describe('openTelemetry', () => {
  it('makes a span for each side, the worker a child of the caller', async () => {
    const spans = record()
    const { aether } = setUp({ middleware: [openTelemetry()] })
    await work(aether, echo, (input) => input)
    await aether.perform(echo)
    expect(spans).toMatchObject([
      { name: 'perform test/echo', parentId: undefined, isEnded: true, status: { code: 1 } },
      { name: 'work test/echo', isEnded: true, status: { code: 1 } },
    ])
    expect(spans[1]?.parentId).toBe(spans[0]?.spanId)
    expect(spans[1]?.traceId).toBe(spans[0]?.traceId)
  })

  it('goes on with the trace of the caller, and through nested tasks', async () => {
    const spans = record()
    const inner = defineTask({ job: 'test', task: 'inner' })
    const { aether } = setUp({ middleware: [openTelemetry()] })
    await work(aether, inner, (_input, ctx) => ctx.headers['traceparent'])
    await work(aether, echo, (_input, ctx) => ctx.perform(inner, 1))
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const seen = await aether.perform(echo, 1, { headers: { traceparent } })
    expect(spans.map(({ name }) => name)).toEqual([
      'perform test/echo',
      'work test/echo',
      'perform test/inner',
      'work test/inner',
    ])
    expect(spans[0]?.parentId).toBe('b7ad6b7169203331')
    for (const [index, span] of spans.entries()) {
      expect(span.traceId).toBe('0af7651916cd43dd8448eb211c80319c')
      if (index > 0) expect(span.parentId).toBe(spans[index - 1]?.spanId)
    }
    expect(seen).toBe(`00-0af7651916cd43dd8448eb211c80319c-${spans[3]?.spanId}-01`)
  })

  it('says what failed', async () => {
    const spans = record()
    const { aether } = setUp({ middleware: [openTelemetry()] })
    await work(aether, defineTask({ job: 'test', task: 'echo', attempts: 1 }), () => {
      throw new Error('no')
    })
    await aether.perform(echo, 1, { attempts: 1 }).settle()
    expect(spans.map(({ status }) => status)).toEqual([
      { code: 2, message: 'no' },
      { code: 2, message: 'no' },
    ])
  })

  it('without an SDK passes the trace of the caller on as it is', async () => {
    const { aether } = setUp({ middleware: [openTelemetry()] })
    await work(aether, echo, (_input, ctx) => ctx.headers)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    expect(await aether.perform(echo, 1, { headers: { traceparent } })).toEqual({ traceparent })
  })
})

describe('without any telemetry', () => {
  it('the trace travels with every hop: task, status and completion', async () => {
    const { aether } = setUp()
    const hops: unknown[] = []
    await aether.listen('test', 'echo', '+', '+', 'workers', ({ event }) =>
      hops.push([event.action, event.headers]),
    )
    await work(aether, echo, (_input, ctx) => ctx.progress(1))
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await aether.perform(echo, 1, { headers: { traceparent, tenant: 'a' } })
    expect(hops).toEqual([
      ['status', { traceparent }],
      ['complete', { traceparent }],
    ])
  })
})
