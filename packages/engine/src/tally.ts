/** What the engine counts. */
export class Tally {
  queues = 0
  queued = 0
  delayed = 0
  bytes = 0
  accepted = 0
  succeeded = 0
  failed = 0
  cancelled = 0
  expired = 0
  deduplicated = 0
  refused = 0
  redelivered = 0
  leasesLost = 0
}
