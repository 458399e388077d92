import type { Clock, Logger } from '@aether/core'
import type { RedisLink } from '../link/redis-link.ts'
import type { QueueScripts } from './queue-scripts.ts'
import type { QueueSettings } from './queue-settings.ts'
import type { Turns } from './turns.ts'

/** What all parts of one transport share. */
export interface QueueHost {
  readonly link: RedisLink
  readonly scripts: QueueScripts
  readonly settings: QueueSettings
  readonly clock: Clock
  readonly random: () => number
  readonly turns: Turns
  readonly logger: Logger
  /** Name of this instance among the inboxes and consumers; unlike any other. */
  readonly instance: string
  /** Names of the application instance and of its machine. */
  readonly client: string
  readonly machine: string
  readonly isClosing: boolean
  /** Something that is none of ours: counted, and logged once. */
  onForeign(where: string, error?: unknown): void
}
