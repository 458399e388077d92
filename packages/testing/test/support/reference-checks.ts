import { AetherError } from '@aether/core'
import type { Capabilities, ConsumeOptions, EventFilter, Route, TaskMessage } from '@aether/core'

import type { ReferenceHub } from './reference-hub.ts'

const maxNameLength = 255

function checkName(name: unknown, isWildAllowed: boolean): void {
  if (isWildAllowed && name === '+') return
  const isGood =
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= maxNameLength &&
    !/[/+#*\s\p{Cc}]/u.test(name)
  if (!isGood) throw new AetherError('ERR_AETHER_NAME_INVALID', 'an illegal name')
}

/** Every name of a route. */
export function checkNames(route: Route, isWildAllowed: boolean): void {
  checkName(route.union, false)
  for (const name of [route.job, route.task, route.context]) checkName(name, isWildAllowed)
}

function checkNumber(what: string, value: unknown, low: number, isWhole: boolean): void {
  const isGood = typeof value === 'number' && Number.isFinite(value) && value >= low
  if (!isGood || (isWhole && !Number.isInteger(value)))
    throw new AetherError('ERR_AETHER_OPTIONS_INVALID', `${what} cannot be ${String(value)}`)
}

/** What a task must be, and what the capabilities allow. */
export function checkTask(task: TaskMessage, hub: ReferenceHub, capabilities: Capabilities): void {
  if (!hub.has('accepts-bad-names')) {
    checkNames(task.route, false)
    checkName(task.tid, false)
    checkName(task.workgroup, false)
  }
  if (!hub.has('accepts-bad-values')) {
    checkNumber('attempts', task.attempts, 1, true)
    checkNumber('priority', task.priority, 0, true)
    checkNumber('delayMs', task.delayMs, 0, false)
    checkNumber('ttlMs', task.ttlMs, 0, false)
    checkNumber('deadline', task.deadline, 0, false)
    const isGood =
      task.priority <= 9 && task.body instanceof Uint8Array && /^(json|msgpack|raw)$/.test(task.codec)
    if (!isGood) throw new AetherError('ERR_AETHER_OPTIONS_INVALID', 'an impossible task')
  }
  checkBody(task.body, hub, capabilities)
  if (hub.has('accepts-undeclared')) return
  if ((task.delayMs > 0 && !capabilities.delay) || (task.priority !== 4 && !capabilities.priority))
    throw new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', 'neither delay nor priority')
}

/** The limit of a body. */
export function checkBody(body: Uint8Array | undefined, hub: ReferenceHub, capabilities: Capabilities): void {
  if (hub.has('sends-any-size') || body === undefined) return
  if (body.byteLength > capabilities.maxPayloadBytes)
    throw new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', 'the body is too large')
}

/** What a consumer must be. */
export function checkConsume(route: Route, options: ConsumeOptions, hub: ReferenceHub): void {
  if (!hub.has('accepts-bad-names')) {
    checkNames(route, true)
    checkName(options.workgroup, false)
  }
  if (hub.has('accepts-bad-values')) return
  checkNumber('credit', options.credit, 1, true)
  checkNumber('leaseMs', options.leaseMs, 1, false)
  if (options.pool !== undefined) checkNumber('pool.credit', options.pool.credit, 1, true)
}

/** Every name of a filter. */
export function checkFilter(filter: EventFilter, hub: ReferenceHub): void {
  if (hub.has('accepts-bad-names')) return
  for (const name of [filter.job, filter.task, filter.context, filter.tid])
    if (name !== undefined) checkName(name, true)
}
