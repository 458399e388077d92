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
export { writeCapabilityReport } from './capability-report.ts'
export type { CapabilityReport, CaseOutcome } from './capability-report.ts'
export { createRecorder } from './history/recorder.ts'
export type { Recorder } from './history/recorder.ts'
export { recordTransport } from './history/record-transport.ts'
export { createSeededRandom } from './seeded-random.ts'
export type { SeededRandom } from './seeded-random.ts'
export { proxiedEnvironment } from './proxied-environment.ts'
export type { ProxiedEngine } from './proxied-environment.ts'
export { testTransport } from './test-transport.ts'
export { pause, until } from './until.ts'
export type { UntilOptions } from './until.ts'
export { spawnWorkerProcess } from './worker/spawn-worker-process.ts'
export type { WorkerProcessOptions } from './worker/spawn-worker-process.ts'
export { startWorkerInProcess } from './worker/start-worker-in-process.ts'
export type { WorkerInProcessOptions } from './worker/start-worker-in-process.ts'
export type { WorkerTransportModule } from './worker/worker-message.ts'
export { createFaultProxy } from './fault-proxy/fault-proxy.ts'
export type {
  FaultProxy,
  FaultProxyOptions,
  FaultProxyStats,
  ProxyFaults,
} from './fault-proxy/fault-proxy.ts'
export type { DirectionFaults } from './fault-proxy/fault-pipe.ts'
export { checkHistory, describeViolations } from './history/check-history.ts'
export type { CheckHistoryOptions } from './history/check-history.ts'
export type { PromiseNumber, Violation } from './history/violation.ts'
export { createManualClock } from './manual-clock.ts'
export type { ManualClock } from './manual-clock.ts'
export {
  cutLink,
  cutWorkers,
  freezeEngine,
  freezeWorkers,
  killWorkers,
  restartEngine,
} from './nemesis/nemesis.ts'
export type { Nemesis, Recovery } from './nemesis/nemesis.ts'
export { runSchedule } from './nemesis/run-schedule.ts'
export type { Range, ScheduleOptions } from './nemesis/run-schedule.ts'
export { startWorkerPool } from './nemesis/worker-pool.ts'
export type { WorkerPool, WorkerPoolOptions } from './nemesis/worker-pool.ts'
export { workloadDefinitions } from './worker/workload-tasks.ts'
export type { WorkloadInput, WorkloadName, WorkloadOutput } from './worker/workload-tasks.ts'
