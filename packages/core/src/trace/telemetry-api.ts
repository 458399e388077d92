/**
 * The part of `@opentelemetry/api` that is used: what `import * as api from '@opentelemetry/api'` gives fits. Described here, so that nobody who does without
 * it has to install it.
 */
export interface TelemetryApi {
  readonly trace: {
    getTracer(name: string): TelemetryTracer
    setSpan(context: TelemetryContext, span: never): TelemetryContext
    setSpanContext(context: TelemetryContext, spanContext: TelemetrySpanContext): TelemetryContext
    getSpanContext(context: TelemetryContext): TelemetrySpanContext | undefined
  }
  readonly context: {
    active(): TelemetryContext
    with<T>(context: never, callback: () => T): T
  }
}

export interface TelemetryContext {
  getValue(key: symbol): unknown
}

export interface TelemetrySpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly isRemote?: boolean
}

export interface TelemetrySpan {
  spanContext(): TelemetrySpanContext
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  recordException(exception: Error): void
  end(): void
}

export interface TelemetryTracer {
  startSpan(name: string, options: object, context: never): TelemetrySpan
}
