import type { TaskMessage } from '../transport.ts'
import { inputTooLarge } from './client-errors.ts'
import type { PerformOptions } from './run.ts'
import type { TaskRun } from './task-run.ts'

/** What a prepared run sends; throws `ERR_AETHER_PAYLOAD_UNENCODABLE` or `ERR_AETHER_PAYLOAD_TOO_LARGE`. */
export function taskMessage(
  run: TaskRun,
  input: unknown,
  options: PerformOptions,
  headers: Readonly<Record<string, string>> | undefined,
  from: Pick<TaskMessage, 'deadline' | 'client' | 'host'>,
): TaskMessage {
  const { plan, route, channel, workgroup, tid } = run
  if (plan === undefined || route === undefined || channel === undefined || workgroup === undefined) {
    throw new TypeError('the run is not prepared')
  }
  const { definition } = plan
  const codec = plan.codecs.forValue(input)
  const body = codec.encode(input)
  const { maxPayloadBytes } = channel.transport.capabilities
  if (body.length > maxPayloadBytes) throw inputTooLarge(definition, body.length, maxPayloadBytes)
  const message = {
    route,
    tid,
    workgroup,
    body,
    codec: codec.name,
    attempts: options.attempts ?? definition.attempts,
    deadline: from.deadline,
    ttlMs: options.ttlMs ?? definition.ttlMs,
    delayMs: options.delayMs ?? 0,
    priority: options.priority ?? definition.priority,
    waitForWorkers: options.waitForWorkers ?? false,
    client: from.client,
    host: from.host,
  }
  return headers === undefined ? message : { ...message, headers }
}
