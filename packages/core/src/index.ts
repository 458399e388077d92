export type { Codec } from './codec/codec.ts'
export { codecSet, type CodecSet } from './codec/codec-set.ts'
export { json } from './codec/json-codec.ts'
export { isBinary, raw } from './codec/raw-codec.ts'

export type { Aether, AetherOptions, ChannelState, Ledger } from './app/aether.ts'
export { createAether } from './app/create-aether.ts'
export { silentLogger } from './app/silent-logger.ts'
export type { CallbackContext, CallbackTask, CallbackTaskOptions } from './callbacks/callback-task.ts'
export type { AttachOptions, IfCapable, PerformOptions, Run, RunStatus, Settlement } from './client/run.ts'
export { systemClock, type Clock, type Timer } from './clock.ts'
export { exponential, fixed, type Backoff, type ExponentialOptions } from './define/backoff.ts'
export { defineTask } from './define/define-task.ts'
export type {
  HandlerInput,
  HandlerOutput,
  ProgressInput,
  Schema,
  SchemaInput,
  SchemaOutput,
  TaskDefinition,
  TaskDefinitionOptions,
  TaskInput,
  TaskOutput,
  TaskProgress,
} from './define/task-definition.ts'
export {
  AetherError,
  errorCodes,
  isAetherError,
  type AetherErrorOptions,
  type ErrorCode,
  type ErrorShape,
} from './errors.ts'
export type { HeardEvent, ListenFunction, TaskEvent, TaskListenOptions } from './listen/listen.ts'
export { asAetherError, errorFromShape, toErrorShape } from './error-shape.ts'
export type { Call, Middleware } from './middleware/middleware.ts'
export { rateLimit, type RateLimitOptions } from './middleware/rate-limit.ts'
export type {
  Presence,
  PresenceChange,
  PresenceOptions,
  TaskPresence,
  WorkerPresence,
} from './presence/presence.ts'
export type {
  AetherEvent,
  CancelEvent,
  Capabilities,
  CodecName,
  CompleteEvent,
  Consumer,
  ConsumeOptions,
  Delivery,
  EventAction,
  EventFilter,
  Listener,
  Logger,
  PresenceEvent,
  Receipt,
  ReleaseOptions,
  Route,
  StatusEvent,
  TaskMessage,
  TerminalStatus,
  Transport,
  TransportHost,
  TransportState,
  WaitOptions,
} from './transport.ts'
export type {
  DrainOptions,
  HandleOptions,
  TaskContext,
  TaskHandler,
  Worker,
  WorkerOptions,
  WorkerState,
  WorkerStats,
} from './worker/worker.ts'
export { matchesFilter } from './topic/event-filter.ts'
export { checkName, isName, maxNameLength, type NameKind } from './topic/names.ts'
export { internRoute, routeCache, type RouteCache } from './topic/route-cache.ts'
export {
  checkRoute,
  filterTopic,
  parseTopic,
  requireTopic,
  routeKey,
  sharedTopic,
  topicOf,
  type ParsedTopic,
  type TopicAction,
} from './topic/topic.ts'
export { abortable } from './state/abortable.ts'
export { createStateMachine, type StateMachine } from './state/state-machine.ts'
export type { EnvelopeFields, Parcel } from './envelope/envelope.ts'
export { eventFromParcel, eventToParcel } from './envelope/event-envelope.ts'
export { decodeFrames, encodeFrames } from './envelope/frame-envelope.ts'
export { decodeHeaders, encodeHeaders, type HeaderMessage } from './envelope/header-envelope.ts'
export { decodeEnvelope, encodeEnvelope } from './envelope/json-envelope.ts'
export { signalFromParcel, signalToParcel } from './envelope/signal-envelope.ts'
export { taskFromParcel, taskToParcel, type Address, type TaskDefaults } from './envelope/task-envelope.ts'
export {
  everyone,
  type CallerSignalKind,
  type Offer,
  type QuerySignalKind,
  type Relay,
  type RelayCapabilities,
  type RelayHost,
  type SendOutcome,
  type Signal,
  type SignalKind,
  type WorkerSignalKind,
} from './lease/relay.ts'
export {
  cancelledEnding,
  completionOf,
  deadlineEnding,
  exhaustedEnding,
  queueTtlEnding,
  refusedEnding,
  type Ended,
  type Ending,
} from './lease/endings.ts'
export { type LeaseOptions } from './lease/lease-options.ts'
export { leased, leasedCapabilities, type LeasedCapabilities, type LeasedTransport } from './lease/leased.ts'
export type { LeaseDeadLetter } from './lease/open-task.ts'
