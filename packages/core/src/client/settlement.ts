import type { Plan } from '../app/plan.ts'
import { asAetherError, errorFromShape } from '../error-shape.ts'
import { AetherError } from '../errors.ts'
import type { CompleteEvent } from '../transport.ts'
import { cancelledError } from './client-errors.ts'
import type { Settlement } from './run.ts'

/** What a completion means to its caller. A body that cannot be read makes a failure of a success: the caller has no value. */
export function settlementOf(plan: Plan, event: CompleteEvent): Settlement {
  const { tid, attempt, client: worker } = event
  if (event.status !== 'succeed') {
    return {
      status: event.status,
      tid,
      error: errorOf(plan, event),
      attempt,
      worker: attempt === 0 ? undefined : worker,
    }
  }
  try {
    const value = event.body === undefined ? undefined : plan.codecs.named(event.codec).decode(event.body)
    return { status: 'succeeded', tid, value, attempt, worker }
  } catch (error) {
    return { status: 'failed', tid, error: asAetherError(error), attempt, worker }
  }
}

/** What ended here, before or without a worker's word. */
export function localSettlement(
  status: 'failed' | 'cancelled' | 'expired',
  tid: string,
  error: AetherError,
): Settlement {
  return { status, tid, error, attempt: 0, worker: undefined }
}

function errorOf(plan: Plan, event: CompleteEvent): AetherError {
  if (event.error !== undefined) return errorFromShape(event.error)
  const { tid } = event
  if (event.status === 'cancelled') return cancelledError(tid, 'no reason given')
  if (event.status === 'expired') {
    return new AetherError('ERR_AETHER_TASK_EXPIRED', `task ${tid} expired before it ended`, {
      detail: { tid },
    })
  }
  const data = bodyOf(plan, event)
  const text = typeof data === 'string' ? data : `task ${tid} failed; its worker gave no reason`
  return new AetherError('ERR_AETHER_TASK_FAILED', text, {
    detail: data === undefined ? { tid } : { tid, data },
  })
}

/** A worker in Python says in `data` why it failed. */
function bodyOf(plan: Plan, { body, codec }: CompleteEvent): unknown {
  if (body === undefined) return undefined
  try {
    return plan.codecs.named(codec).decode(body)
  } catch {
    // That it failed is known; why stays unknown.
    return undefined
  }
}
