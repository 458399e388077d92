import type { Capabilities } from '@aether/core'
import { describe, it } from 'vitest'

import { runCase } from '../../src/suite/run-case.ts'
import { suites } from '../../src/suite/suites.ts'
import type { SuiteCase } from '../../src/suite/suite-case.ts'
import type { Defect } from '../support/defect.ts'
import { everythingDeclared, nothingDeclared, referenceOptions } from '../support/reference-environment.ts'

function caseOf(suiteName: string, start: string): SuiteCase {
  const found = suites
    .filter(({ name }) => name.startsWith(suiteName))
    .flatMap(({ cases }) => cases)
    .filter(({ name }) => name.startsWith(start))
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${String(found.length)} cases of ${suiteName} start with "${start}"`)
  return found[0]
}

/** Which case of which suite finds which defect. */
const finds: readonly (readonly [Defect, string, string])[] = [
  ['accepts-second-start', 'lifecycle and state', 'refuses a second start'],
  ['accepts-calls-after-close', 'lifecycle and state', 'after close every call rejects'],
  ['ignores-abort', 'lifecycle and state', 'an aborted signal'],
  ['loses-headers', 'send and consume', 'a task arrives as it was sent'],
  ['completes-twice', 'send and consume', 'a task arrives as it was sent'],
  ['delivers-twice', 'send and consume', 'many tasks over several workers'],
  ['crosses-unions', 'send and consume', 'nothing crosses'],
  ['copies-to-one-group', 'workgroups', 'every workgroup gets its copy'],
  ['answers-for-observers', 'workgroups', 'only the named workgroup'],
  ['ignores-credit', 'credit and pools', 'a consumer never holds'],
  ['ignores-pool', 'credit and pools', 'consumers of one pool'],
  ['accepts-stale-acks', 'leases and fences', 'a lease that is not renewed'],
  ['accepts-stale-acks', 'leases and fences', 'a delivery is settled once'],
  ['holds-leases-for-ever', 'leases and fences', 'a lease that is not renewed'],
  ['holds-leases-for-ever', 'leases and fences', 'a lost lease gives its credit back'],
  ['ignores-renew', 'leases and fences', 'renewing holds a lease'],
  ['keeps-leases-on-close', 'leases and fences', 'leases return at once'],
  ['retries-for-ever', 'leases and fences', 'losing the lease counts'],
  ['revokes-twice', 'leases and fences', 'a lease that is not renewed'],
  ['counts-every-release', 'release and retry', 'what is given back'],
  ['retries-for-ever', 'release and retry', 'a failed attempt is tried again'],
  ['ignores-release-delay', 'release and retry', 'the next attempt waits'],
  ['drops-dead-letters', 'dead letters', 'a completion may keep'],
  ['drops-dead-letters', 'dead letters', 'a task past its last attempt'],
  ['cancels-nothing', 'cancel', 'a queued task'],
  ['cancels-nothing', 'cancel', 'a running task'],
  ['cancels-silently', 'cancel', 'a running task'],
  ['cancels-silently', 'cancel', 'every workgroup stops'],
  ['cancels-the-unknown', 'cancel', 'an unknown task'],
  ['forgets-results', 'attach and results', 'a finished task'],
  ['never-forgets-results', 'attach and results', 'a result is forgotten'],
  ['runs-duplicates', 'idempotency by tid', 'a tid that is queued'],
  ['runs-duplicates', 'idempotency by tid', 'many sends of one tid'],
  ['forgets-results', 'idempotency by tid', 'a tid that is over'],
  ['ignores-deadline', 'deadline and time to live', 'a queued task past'],
  ['ignores-deadline', 'deadline and time to live', 'a running task past'],
  ['ignores-ttl', 'deadline and time to live', 'a task that waits longer'],
  ['ttl-ends-running', 'deadline and time to live', 'time to live does not end'],
  ['ignores-delay', 'delay', 'a delayed task stays'],
  ['ignores-priority', 'priority', 'what waits is handed out'],
  ['last-come-first', 'ordering', 'a backlog starts'],
  ['drops-events', 'events', 'status and complete of every task'],
  ['hears-everything', 'events', 'a filter is matched'],
  ['hears-twice', 'events', 'what is published reaches'],
  ['crosses-unions', 'events', 'events stay within'],
  ['drops-presence', 'presence', 'online, idle and dismiss'],
  ['corrupts-bytes', 'payloads', 'every byte passes'],
  ['sends-any-size', 'payloads', 'a body over the limit'],
  ['queues-without-limit', 'bounded queues', 'a full queue refuses'],
  ['calls-handlers-after-close', 'close leaves nothing', 'no handler is called'],
  ['accepts-bad-names', 'bad input', 'names with illegal'],
  ['accepts-bad-values', 'bad input', 'tasks with impossible'],
  ['accepts-bad-values', 'bad input', 'consumers with impossible'],
  ['consumes-twice-after-reconnect', 'reconnection', 'after it each consumer'],
  ['forgets-listeners', 'reconnection', 'after it each listener'],
  ['forgets-unsettled', 'reconnection', 'a caller that was away'],
  ['keeps-leases-when-cut', 'reconnection', 'a worker that is cut off'],
  ['never-notices-stall', 'reconnection', 'a connection that carries nothing'],
  ['waits-for-ever', 'calls without a connection', 'they wait no longer'],
  ['waits-without-limit', 'calls without a connection', 'no more of them wait'],
  ['forgets-unsettled', 'engine faults', 'a restarted engine: callers'],
  ['consumes-twice-after-reconnect', 'engine faults', 'a restarted engine: callers'],
  ['completes-twice', 'promise 1: one outcome', 'every kind of task'],
  ['accepts-stale-acks', 'promise 2: one worker', 'a frozen worker that completes'],
  ['accepts-stale-acks', 'promise 2: one worker', 'what frozen workers say'],
  ['holds-leases-for-ever', 'promise 2: one worker', 'a frozen worker that completes'],
  ['completes-twice', 'promise 3: nothing accepted', 'workers are killed, frozen'],
  ['forgets-unsettled', 'promise 3: nothing accepted', 'the caller is cut off'],
  ['forgets-unsettled', 'promise 3: nothing accepted', 'the engine dies'],
  ['cancels-silently', 'promise 4: cancel', 'queued and running'],
  ['accepts-workerless', 'promise 5: every wait', 'without workers a task'],
  ['queues-without-limit', 'promise 6: everything', 'a flood is refused'],
  ['hears-twice', 'promise 7: after a reconnection', 'an application that listens'],
]

// Most defects show as something that never comes, so that the case waits out its patience: together, not one after the other.
describe.concurrent('a broken transport fails', { timeout: 110_000 }, () => {
  for (const [defect, suiteName, start] of finds)
    it(`${suiteName} · ${start}, when it ${defect.replaceAll('-', ' ')}`, async ({ expect }) => {
      const run = runCase(caseOf(suiteName, start), referenceOptions(everythingDeclared, defect))
      await expect(run).rejects.toThrow()
    })

  const once: Capabilities = { ...everythingDeclared, delivery: 'at-most-once', redelivery: 'none' }
  const onlyOnce = [
    ['promises 1 to 3, at most once', 'workers are killed'],
    ['promises 1 to 3, at most once', 'workers are cut off'],
    ['engine faults', 'a restarted engine: nothing is delivered twice'],
    ['close leaves nothing', 'no handler is called'],
  ] as const
  for (const [suiteName, start] of onlyOnce)
    it(`${suiteName} · ${start}, when it declares at most once and delivers again`, async ({ expect }) => {
      await expect(runCase(caseOf(suiteName, start), referenceOptions(once))).rejects.toThrow()
    })

  const undeclared = [
    ['workgroups', 'a second workgroup is refused'],
    ['dead letters', 'asking for a dead letter'],
    ['attach and results', 'attach is refused'],
    ['delay', 'a delayed task is refused'],
    ['priority', 'a priority other than'],
  ] as const
  for (const [suiteName, start] of undeclared)
    it(`${suiteName} · ${start}, when it accepts what it does not declare`, async ({ expect }) => {
      const run = runCase(caseOf(suiteName, start), referenceOptions(nothingDeclared, 'accepts-undeclared'))
      await expect(run).rejects.toThrow(/ERR_AETHER_CAPABILITY_UNSUPPORTED/)
    })
})

// By itself: it counts the handles of the process.
describe('a transport that leaves a timer fails', () => {
  it('close leaves nothing', { timeout: 30_000 }, async ({ expect }) => {
    const run = runCase(
      caseOf('close leaves nothing', 'no timer'),
      referenceOptions(everythingDeclared, 'leaks-a-timer'),
    )
    await expect(run).rejects.toThrow(/Timeout/)
  })
})
