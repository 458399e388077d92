import type { EventAction, HeardEvent } from '@aether/core'

/** What `listen` hears of the tasks of others: the fields of the Python library's messages. */
export interface AetherMessage {
  readonly action: EventAction
  /** `initialized`, `progress`, `succeed`, `failed`, `cancelled`, `expired`, `online`, `connected` or `dismissed`. */
  readonly status: string
  /** 0 to 100. */
  readonly progress: number
  readonly data: unknown
  readonly host: string
  readonly client: string
  readonly union: string
  readonly job: string
  readonly task: string
  readonly context: string
  /** Of a task; of `idle`, `online` and `dismiss` the worker's name. */
  readonly tid: string
  /** '' where nobody said. */
  readonly workgroup: string
}

const presence = { idle: 'online', online: 'connected', dismiss: 'dismissed' } as const

export function messageOf({ event, data }: HeardEvent): AetherMessage {
  const { action, route, tid, host, client } = event
  const base = { action, host, client, tid, ...route, workgroup: '' }
  switch (action) {
    case 'status': {
      const { status, progress, workgroup } = event
      return { ...base, status, progress, workgroup, data: data ?? {} }
    }
    case 'complete': {
      const { status, workgroup, error } = event
      const said = status === 'succeed' ? data : (error?.detail?.['data'] ?? data ?? error?.message)
      return { ...base, status, progress: 100, workgroup, data: said ?? {} }
    }
    case 'cancel':
      return { ...base, status: 'cancelled', progress: 0, data: event.reason }
    default:
      return { ...base, status: presence[action], progress: 100, data: data ?? {} }
  }
}
