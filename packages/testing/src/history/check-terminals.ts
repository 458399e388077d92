import type { LedgerEntry, RecordEntry, TerminalEntry } from './history.ts'
import type { Violation } from './violation.ts'

/** What one caller knows of one task. */
interface Story {
  readonly tid: string
  readonly by: string
  invoked: number
  accepted: number
  refused: number
  readonly terminals: TerminalEntry[]
}

/** Promises 1 and 3: each accepted task has one outcome, its caller sees it once, and nothing accepted is lost. */
export function checkTerminals(entries: readonly RecordEntry[]): Violation[] {
  const stories = storiesOf(entries)
  return [...stories.flatMap((story) => checkStory(story)), ...checkOneOutcome(stories)]
}

function storiesOf(entries: readonly RecordEntry[]): Story[] {
  const stories = new Map<string, Story>()
  for (const entry of entries) {
    if (entry.kind !== 'invoked' && entry.kind !== 'answered' && entry.kind !== 'terminal') continue
    const { tid, by } = entry
    const key = `${by} ${tid}`
    const story = stories.get(key) ?? { tid, by, invoked: 0, accepted: 0, refused: 0, terminals: [] }
    stories.set(key, story)
    if (entry.kind === 'invoked') story.invoked += 1
    else if (entry.kind === 'terminal') story.terminals.push(entry)
    else if (entry.answer === 'accepted') story.accepted += 1
    else if (entry.answer === 'refused') story.refused += 1
  }
  return [...stories.values()]
}

function checkStory({ tid, by, invoked, accepted, refused, terminals }: Story): Violation[] {
  const seen = terminals.map(({ status }) => status).join(', ')
  if (invoked === 0)
    return [
      { promise: 1, rule: 'terminal-unasked', message: `${by} never asked for ${tid}, and saw ${seen}` },
    ]
  if (accepted > 0 && terminals.length === 0)
    return [
      { promise: 3, rule: 'accepted-task-lost', message: `${tid} was accepted from ${by}, which saw no end` },
    ]
  if (refused === invoked && terminals.length > 0)
    return [
      { promise: 1, rule: 'refused-task-ended', message: `${tid} was refused to ${by}, which saw ${seen}` },
    ]
  if (terminals.length > invoked)
    return [
      {
        promise: 1,
        rule: 'terminal-seen-twice',
        message: `${by} saw ${tid} end ${String(terminals.length)} times: ${seen}`,
      },
    ]
  return []
}

/** Every caller of one task sees the same end. */
function checkOneOutcome(stories: readonly Story[]): Violation[] {
  const ends = new Map<string, Set<string>>()
  for (const { tid, terminals } of stories)
    for (const { status, attempt, workgroup } of terminals) {
      const known = ends.get(tid) ?? new Set()
      ends.set(tid, known.add(`${status} in attempt ${String(attempt)} by ${workgroup}`))
    }
  return [...ends]
    .filter(([, seen]) => seen.size > 1)
    .map(([tid, seen]) => ({
      promise: 1,
      rule: 'terminals-differ',
      message: `${tid} ended as ${[...seen].join(' and as ')}`,
    }))
}

/** Promise 1: performed = succeeded + failed + cancelled + expired + open, and the counts are those of the events. */
export function checkLedger(entries: readonly RecordEntry[]): Violation[] {
  return entries
    .filter((entry) => entry.kind === 'ledger')
    .flatMap((ledger) => [...checkSum(ledger), ...checkCounts(ledger, entries)])
}

function checkSum({ by, performed, succeeded, failed, cancelled, expired, open }: LedgerEntry): Violation[] {
  const sum = succeeded + failed + cancelled + expired + open
  if (sum === performed) return []
  const message = `${by} performed ${String(performed)}, but its ends and open tasks are ${String(sum)}`
  return [{ promise: 1, rule: 'ledger-open', message }]
}

/** What the ledger counts, against the terminal events that its owner saw before. */
function checkCounts(ledger: LedgerEntry, entries: readonly RecordEntry[]): Violation[] {
  const seen = { succeed: 0, failed: 0, cancelled: 0, expired: 0 }
  for (const entry of entries)
    if (entry.kind === 'terminal' && entry.by === ledger.by && entry.at <= ledger.at) seen[entry.status] += 1
  const isSame =
    seen.succeed === ledger.succeeded &&
    seen.failed === ledger.failed &&
    seen.cancelled === ledger.cancelled &&
    seen.expired === ledger.expired
  if (isSame) return []
  const message = `${ledger.by} counts ${JSON.stringify(ledger)}, but saw ${JSON.stringify(seen)}`
  return [{ promise: 1, rule: 'ledger-wrong', message }]
}
