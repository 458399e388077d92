import type { Backend, BackendChange, BackendOptions } from '../backends/backend.ts'
import type { NamedBackends, NameOptions } from '../backends/named-backends.ts'
import { LbError } from '../errors.ts'
import { show } from '../check-options.ts'
import { backend, backendChange, namedBackend } from './backend-schema.ts'
import { define, type Run, snake } from './define-operation.ts'
import { type Field, flag, seconds, text } from './fields.ts'
import type { ControlWorld } from './operation.ts'

interface Target {
  readonly id: string
}
interface Forced {
  readonly force?: boolean
}
interface NameTarget {
  readonly nameId: string
}

const target: Readonly<Record<string, Field<Target>>> = { backend_id: ['id', text, 'required'] }
const forced: Readonly<Record<string, Field<Forced>>> = { force: ['force', flag] }
const nameTarget: Readonly<Record<string, Field<NameTarget>>> = { name_id: ['nameId', text, 'required'] }

/** Who is there: each backend, and names that stand for many. */
export const backendOperations: Readonly<Record<string, Run>> = {
  add_backend: define<{ readonly config: BackendOptions }>(
    { backend_config: ['config', backend, 'required'] },
    ({ config }, { balancer }) => ({ backend_id: balancer.add(config).id }),
  ),
  update_backend: define<Target & Forced & { readonly change: BackendChange }>(
    { ...target, ...forced, changes: ['change', backendChange, 'required'] },
    ({ id, change, ...options }, { balancer }) => ({ backend_id: balancer.update(id, change, options).id }),
  ),
  remove_backend: define<Target & Forced>({ ...target, ...forced }, ({ id, ...options }, { balancer }) =>
    balancer.remove(id, options),
  ),
  drain_backend: define<Target & Forced & { readonly timeoutMs?: number }>(
    { ...target, ...forced, timeout: ['timeoutMs', seconds] },
    async ({ id, ...options }, { balancer }) => ({ drained: await balancer.drain(id, options) }),
  ),
  restore_backend: define<Target>(target, ({ id }, { balancer }) => balancer.restore(id)),
  list_backends: define({}, (_, { balancer }) => ({ backends: balancer.backends.map(describe) })),
  health_check: define<Target>(target, async ({ id }, { balancer }) => ({
    health: snake(await balancer.checkHealth(id)),
  })),
  add_name: define<{ readonly config: BackendOptions } & Pick<NameOptions, 'refreshMs' | 'resolveTimeoutMs'>>(
    {
      backend_config: ['config', namedBackend, 'required'],
      refresh_interval: ['refreshMs', seconds],
      resolve_timeout: ['resolveTimeoutMs', seconds],
    },
    async ({ config, ...times }, { balancer }) =>
      describeName(await balancer.addName({ ...config, ...times })),
  ),
  update_name: define<NameTarget & Forced & { readonly change: BackendChange }>(
    { ...nameTarget, ...forced, changes: ['change', backendChange, 'required'] },
    ({ nameId, change, ...options }, world) => {
      const name = find(world, nameId)
      name.update(change, options)
      return describeName(name)
    },
  ),
  refresh_name: define<NameTarget>(nameTarget, async ({ nameId }, world) => {
    const name = find(world, nameId)
    await name.refresh()
    return describeName(name)
  }),
  remove_name: define<NameTarget & Forced>({ ...nameTarget, ...forced }, ({ nameId, ...options }, world) => {
    const name = find(world, nameId)
    for (const { id } of name.backends) world.balancer.remove(id, options)
    // Only then: where a group needs one of them, the name is still there, to be asked again.
    name.close()
  }),
  list_names: define({}, (_, { names }) => ({ names: [...names].map(describeName) })),
}

function find({ names }: ControlWorld, id: string): NamedBackends {
  const all = [...names]
  const found = all.find((name) => name.id === id)
  if (found !== undefined) return found
  const known = all.map((name) => name.id).join(', ')
  throw new LbError(
    'ERR_AETHER_BACKEND_UNKNOWN',
    `there is no name ${show(id)}${known === '' ? '' : `: there are ${known.slice(0, 500)}`}`,
  )
}

function describeName(name: NamedBackends): object {
  return { name_id: name.id, name: name.name, backend_ids: name.backends.map(({ id }) => id) }
}

function describe(each: Backend): object {
  const { id, host, port, weight, maxConnections, priority, zone, group, capabilities, metadata } = each
  const { active, health, breakerState, isDraining, isEjected } = each
  return {
    backend_id: id,
    ...snake({ host, port, weight, maxConnections, priority, zone, group, capabilities, metadata }),
    active_connections: active,
    health_status: health,
    circuit_breaker: breakerState,
    is_draining: isDraining,
    is_ejected: isEjected,
  }
}
