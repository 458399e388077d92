export type {
  ConsumerSpec,
  DeadLetter,
  DispatchPolicy,
  Effects,
  Engine,
  EngineClock,
  EngineLimits,
  EngineOptions,
  EngineReason,
  EngineStats,
  Lease,
  Outcome,
  RevokeReason,
  SendResult,
  SettleResult,
  Settlement,
  TaskSpec,
} from './contract.ts'
export { createEngine } from './engine.ts'
export { EngineError } from './engine-error.ts'
export type { EngineErrorCode } from './engine-error.ts'
export { matchFilter } from './match-filter.ts'
export { defaultLimits } from './options.ts'
export { isFilter, isTopic } from './topic-names.ts'
export { createTopicTrie } from './topic-trie.ts'
export type { TopicTrie, TopicTrieOptions } from './topic-trie.ts'
export { TimerNode, TimingWheel } from './timing-wheel.ts'
export type { TimerSink } from './timing-wheel.ts'
