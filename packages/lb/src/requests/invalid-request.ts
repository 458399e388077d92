import { show } from '../check-options.ts'
import { invalidOption, type LbError } from '../errors.ts'
import type { LbRequest } from './request.ts'

const texts = ['id', 'clientIp', 'key', 'sessionId', 'cookie', 'workload', 'method'] as const
const lists = ['requires', 'exclude'] as const

/**
 * The error of a request that makes no sense. It shows before anything is begun: later it would be thrown in a timer, or while somebody else's request ends,
 * and what the request holds by then would be lost.
 */
export function invalidRequest(request: LbRequest): LbError | undefined {
  if (typeof request !== 'object' || (request as LbRequest | null) === null)
    return invalidOption(`a request must be an object, not ${show(request)}`)
  // Field by field, and not by names in a loop: every request and every pick comes by here.
  const { id, clientIp, key, sessionId, cookie, workload, method, requires, exclude } = request
  const hasTexts =
    isText(id) &&
    isText(clientIp) &&
    isText(key) &&
    isText(sessionId) &&
    isText(cookie) &&
    isText(workload) &&
    isText(method)
  if (
    hasTexts &&
    isList(requires) &&
    isList(exclude) &&
    isTime(request.timeoutMs) &&
    isSignal(request.signal)
  )
    return undefined
  return complaint(request)
}

/** What it is instead is told by its kind alone: keys, cookies and sessions may be secrets. */
function complaint(request: LbRequest): LbError {
  const text = texts.find((name) => !isText(request[name]))
  if (text !== undefined) return wrong(text, 'a text', kindOf(request[text]))
  const list = lists.find((name) => !isList(request[name]))
  if (list !== undefined) return wrong(list, 'an array', kindOf(request[list]))
  if (!isSignal(request.signal)) return wrong('signal', 'an AbortSignal', kindOf(request.signal))
  return wrong('timeoutMs', 'a number above 0 and below 2 ** 31', show(request.timeoutMs))
}

function wrong(name: keyof LbRequest, allowed: string, found: string): LbError {
  return invalidOption(`request.${name} must be ${allowed}, not ${found}`)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isList(value: unknown): boolean {
  return value === undefined || Array.isArray(value)
}

function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value > 0 && value < 2 ** 31)
}

function isSignal(value: AbortSignal | null | undefined): boolean {
  return value === undefined || typeof value?.addEventListener === 'function'
}
