import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api'

import type { Call, Middleware } from '../middleware/middleware.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

/**
 * A span for each task performed and one for each attempt worked on, the second a child of the first wherever it runs. Needs the optional peer
 * `@opentelemetry/api`; where to send spans is the application's own setup. Trace context travels as W3C `traceparent`, whatever propagator is set.
 *
 * @example
 * import { openTelemetry } from '@aether/core/opentelemetry'
 * createAether({ union, transport, middleware: [openTelemetry()] })
 */
export function openTelemetry(): Middleware {
  const tracer = trace.getTracer('@aether/core')
  return async (call, next) => {
    const isClient = call.side === 'client'
    const parent = parentOf(call)
    const { job, task } = call.definition
    const span = tracer.startSpan(
      `${isClient ? 'perform' : 'work'} ${job}/${task}`,
      { kind: isClient ? SpanKind.PRODUCER : SpanKind.CONSUMER, attributes: attributesOf(call) },
      parent,
    )
    inject(call, span)
    try {
      const output = await context.with(trace.setSpan(parent, span), next)
      span.setStatus({ code: SpanStatusCode.OK })
      return output
    } catch (error) {
      span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error instanceof Error ? error.message : String(error),
      })
      if (error instanceof Error) span.recordException(error)
      throw error
    } finally {
      span.end()
    }
  }
}

/**
 * On the worker the span that the task was performed in. On the client the active span; where nothing keeps that over asynchronous steps, the trace that a
 * nested task inherited.
 */
function parentOf(call: Call): Context {
  const active = context.active()
  if (call.side === 'client' && trace.getSpanContext(active) !== undefined) return active
  const sender = parseTraceparent(call.headers['traceparent'])
  if (sender === undefined) return active
  const { traceId, spanId, flags: traceFlags } = sender
  return trace.setSpanContext(call.side === 'client' ? active : ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags,
    isRemote: true,
  })
}

/** What travels, and what nested tasks inherit, is this span from now on. A span that is not recorded has no valid id: then the sender's goes on. */
function inject(call: Call, span: Span): void {
  const spanContext = span.spanContext()
  if (!trace.isSpanContextValid(spanContext)) return
  const { traceId, spanId, traceFlags: flags } = spanContext
  call.headers['traceparent'] = formatTraceparent({ traceId, spanId, flags })
  const state = spanContext.traceState?.serialize()
  if (state !== undefined && state !== '') call.headers['tracestate'] = state
}

/** https://opentelemetry.io/docs/specs/semconv/messaging/ */
function attributesOf(call: Call): Record<string, string | number> {
  const { job, task } = call.definition
  return {
    'messaging.system': 'aether',
    'messaging.operation.type': call.side === 'client' ? 'send' : 'process',
    'messaging.destination.name': `${job}/${task}`,
    'messaging.consumer.group.name': call.workgroup,
    'messaging.message.id': call.tid,
    'aether.context': call.route.context,
    ...(call.side === 'client' ? {} : { 'aether.attempt': call.attempt }),
  }
}
