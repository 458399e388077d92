export {
  AetherMagic,
  AetherMagic as MultiProtocolAetherMagic,
  type AddTaskOptions,
  type AetherMagicOptions,
  type ListenForSharedOptions,
  type PerformTaskOptions,
  type TaskCallback,
} from './aether-magic.ts'
export { AetherTask } from './aether-task.ts'
export {
  aethermagic,
  type AetherMagicScope,
  type ScopedMagicOptions,
  type ScopedTaskOptions,
} from './aethermagic.ts'
export { ConnectionConfig, type ConnectionConfigOptions, type RedisMode } from './connection-config.ts'
export type { AetherMessage } from './message.ts'
export { ProtocolType } from './protocol-type.ts'
export type { AetherTaskOptions, OwnTaskOptions } from './task-options.ts'
export type { TransportFactories, TransportFactory, TransportOptions } from './transport-options.ts'
