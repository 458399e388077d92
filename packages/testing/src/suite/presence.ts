import type { AetherEvent, EventAction } from '@aether/core'
import { expect } from 'vitest'

import { until } from '../until.ts'
import { jsonBody, readJson, routeOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const presence: Suite = {
  name: 'presence',
  cases: [{ name: 'online, idle and dismiss tell who is there, and how busy', run: tellsWhoIsThere }],
}

async function tellsWhoIsThere(context: CaseContext): Promise<void> {
  const watcher = await context.peer()
  const board = new Map<string, { action: EventAction; busy: unknown }>()
  await watcher.transport.listen({}, (event: AetherEvent) => {
    if (event.action !== 'online' && event.action !== 'idle' && event.action !== 'dismiss') return
    board.set(event.client, { action: event.action, busy: readJson(event.body) })
  })
  const route = routeOf(context.union)
  for (const client of ['north', 'south']) {
    const worker = await context.peer({ client })
    const say = (action: 'online' | 'idle' | 'dismiss', busy: number): Promise<void> =>
      worker.transport.publish({
        action,
        route,
        tid: client,
        client,
        host: 'suite',
        body: jsonBody(busy),
        codec: 'json',
      })
    await say('online', 3)
    await until(() => board.get(client)?.busy === 3)
    expect(board.get(client)?.action).toBe('online')
    await say('idle', 0)
    await until(() => board.get(client)?.action === 'idle')
    if (client === 'south') await say('dismiss', 0)
  }
  await until(() => board.get('south')?.action === 'dismiss')
  expect(board.get('north')).toEqual({ action: 'idle', busy: 0 })
}
