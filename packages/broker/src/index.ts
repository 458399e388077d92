export {
  type Broker,
  type BrokerState,
  type CloseOptions,
  createBroker,
  type DrainOptions,
} from './broker.ts'
export type { BrokerDeadLetter, DeadLetterKey } from './tasks/dead-letters.ts'
export type { BrokerLogger, BrokerOptions } from './options.ts'
export type { BrokerStats } from './stats.ts'
export { connect } from '@aether/wire/tcp'
