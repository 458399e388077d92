import type { Role, RoleSpec, Round, RoundResult } from './roles/role.ts'
import { loadContender } from './contenders/index.ts'
import { roles } from './roles/index.ts'

/** Entry of every process that takes part in a benchmark: the harness talks to it over IPC. */
export type Order =
  | { readonly id: number; readonly kind: 'be'; readonly spec: RoleSpec }
  | { readonly id: number; readonly kind: 'round'; readonly round: Round }
  | { readonly id: number; readonly kind: 'cpu' }
  | { readonly id: number; readonly kind: 'close' }

export type Answer =
  | { readonly id: number; readonly kind: 'armed' }
  | { readonly id: number; readonly kind: 'done'; readonly result: RoundResult | number | undefined }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string }

let role: Role | undefined

async function obey(order: Order): Promise<RoundResult | number | undefined> {
  switch (order.kind) {
    case 'be': {
      role = await roles[order.spec.role](await loadContender(order.spec.contender), order.spec)
      return undefined
    }
    case 'round': {
      if (role === undefined) throw new Error('a round before a role')
      const under = role.round(order.round)
      answer({ id: order.id, kind: 'armed' })
      return under
    }
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      return user + system
    }
    case 'close':
      await role?.close()
      return undefined
  }
}

function answer(message: Answer): void {
  process.send?.(message)
}

process.on('message', (order: Order) => {
  obey(order).then(
    (result) => {
      answer({ id: order.id, kind: 'done', result })
      if (order.kind === 'close') process.disconnect()
    },
    (error: unknown) =>
      answer({
        id: order.id,
        kind: 'failed',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
  )
})
// The harness is gone: so is the reason to stay.
process.on('disconnect', () => process.exit(0))
