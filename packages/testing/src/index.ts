export type {
  ConformanceOptions,
  EngineControl,
  Environment,
  EnvironmentOptions,
  Fault,
  Link,
  TransportOverrides,
  WorkerExit,
  WorkerHandle,
  WorkerSpec,
} from './harness.ts'
export type {
  AnsweredEntry,
  DeliveredEntry,
  FaultEntry,
  GaugeEntry,
  HandlerEntry,
  InvokedEntry,
  LeaseEntry,
  LedgerEntry,
  RecordEntry,
  RevokedEntry,
  TerminalEntry,
} from './history/history.ts'
export { monotonicNow } from './history/history.ts'
