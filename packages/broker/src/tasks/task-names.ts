import { isTopic } from '@aether/engine'

/** What malformed UTF-8 is read as: written again, it would be longer than what it stands for. */
const REPLACED = '\uFFFD'

/** Whether this names a task or a workgroup: one level of a topic, without `*`, which other transports take for a wildcard. */
export function isTaskName(name: string): boolean {
  return isTopic(name) && !name.includes('/') && !name.includes('*') && !name.includes(REPLACED)
}
