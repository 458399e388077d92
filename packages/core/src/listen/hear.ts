import type { Channel } from '../app/channel.ts'
import { checkKeys } from '../app/check-options.ts'
import type { Plan } from '../app/plan.ts'
import { settlementOf } from '../client/settlement.ts'
import type { CodecSet } from '../codec/codec-set.ts'
import { isPromiseLike } from '../define/validate.ts'
import { textOf } from '../error-shape.ts'
import { checkName } from '../topic/names.ts'
import type { AetherEvent, EventAction, EventFilter, Listener, Logger, StatusEvent } from '../transport.ts'
import type { HeardEvent, TaskEvent, TaskListenOptions } from './listen.ts'

/** Listens to the tasks of one definition, with their bodies decoded. */
export async function listenToTask(
  channel: Channel,
  plan: Plan,
  logger: Logger,
  handler: (event: TaskEvent) => unknown,
  options: TaskListenOptions,
): Promise<Listener> {
  await channel.start()
  const { job, task } = plan.definition
  const filter: EventFilter = {
    job,
    task,
    context: options.context ?? '+',
    tid: options.tid ?? '+',
    action: '+',
  }
  return channel.transport.listen(filter, (event) => {
    guarded(logger, event, () => {
      const typed = taskEvent(plan, event)
      return typed === undefined ? undefined : handler(typed)
    })
  })
}

/** Listens to events as they are. */
export async function listenToEvents(
  channel: Channel,
  codecs: CodecSet,
  logger: Logger,
  filter: EventFilter,
  handler: (heard: HeardEvent) => unknown,
): Promise<Listener> {
  await channel.start()
  return channel.transport.listen(filter, (event) => {
    guarded(logger, event, () => handler({ event, data: dataOf(codecs, event) }))
  })
}

const listenKeys: ReadonlySet<string> = new Set([
  'context',
  'tid',
  'channel',
] satisfies (keyof TaskListenOptions)[])

/** Throws `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_NAME_INVALID`. */
export function checkListenOptions(options: TaskListenOptions): void {
  checkKeys('listen', options, listenKeys)
  const { context = '+', tid = '+' } = options
  if (context !== '+') checkName('context', context)
  if (tid !== '+') checkName('tid', tid)
}

export function isEventAction(action: unknown): action is EventAction | '+' {
  return typeof action === 'string' && eventActions.has(action)
}

const eventActions: ReadonlySet<string> = new Set<EventAction | '+'>([
  'status',
  'complete',
  'cancel',
  'idle',
  'online',
  'dismiss',
  '+',
])

function taskEvent(plan: Plan, event: AetherEvent): TaskEvent | undefined {
  const { tid } = event
  if (event.action === 'status') return { action: 'status', tid, status: statusOf(plan.codecs, event) }
  if (event.action === 'complete') return { action: 'complete', tid, settlement: settlementOf(plan, event) }
  return event.action === 'cancel' ? { action: 'cancel', tid, reason: event.reason } : undefined
}

function statusOf(codecs: CodecSet, event: StatusEvent): Extract<TaskEvent, { action: 'status' }>['status'] {
  return {
    percent: event.progress,
    data: dataOf(codecs, event),
    attempt: event.attempt,
    seq: event.seq,
    worker: event.client,
  }
}

function dataOf(codecs: CodecSet, event: AetherEvent): unknown {
  if (!('body' in event) || event.body === undefined) return undefined
  return codecs.named(event.codec).decode(event.body)
}

/** What cannot be decoded is passed over, and a handler that fails does not disturb the transport; both are logged. */
function guarded(logger: Logger, event: AetherEvent, step: () => unknown): void {
  const failed = (error: unknown): void => {
    logger.warn('an event was not handled', { action: event.action, tid: event.tid, error: textOf(error) })
  }
  try {
    const handled = step()
    if (isPromiseLike(handled)) handled.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}
