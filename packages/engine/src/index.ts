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
export { matchFilter } from './topics/match-filter.ts'
export { defaultLimits } from './options.ts'
export { isFilter, isTopic } from './topics/topic-names.ts'
export { createTopicTrie } from './topics/topic-trie.ts'
export type { TopicTrie, TopicTrieOptions } from './topics/topic-trie.ts'
export { TimerNode, TimingWheel } from './timing-wheel.ts'
export type { TimerSink } from './timing-wheel.ts'
