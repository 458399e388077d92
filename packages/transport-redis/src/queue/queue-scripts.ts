import type { Script } from '../link/redis-link.ts'
import { bells, ready } from './lua/bells.ts'
import { cancel, check, regain } from './lua/calls.ts'
import { clean } from './lua/clean.ts'
import { endings } from './lua/endings.ts'
import { enqueue } from './lua/enqueue.ts'
import { groupNames, groups } from './lua/groups.ts'
import { messages } from './lua/messages.ts'
import { prelude } from './lua/prelude.ts'
import { records } from './lua/records.ts'
import { send } from './lua/send.ts'
import { take } from './lua/take.ts'
import { tick } from './lua/tick.ts'
import { work } from './lua/work.ts'

/**
 * Where memory is full (`noeviction`), Redis refuses what may need more, unless the script has written before. Only `send` brings anything new: what is held must
 * still be worked on and end, which frees memory. So the others begin with a write that needs none.
 */
const evenWithoutMemory = "call('UNLINK', base .. '/nothing')"

/** Everything that has to be one step, each a script over the keys of one job/task. */
export interface QueueScripts {
  readonly send: Script
  readonly take: Script
  readonly work: Script
  readonly cancel: Script
  readonly check: Script
  readonly regain: Script
  readonly tick: Script
}

/** Puts the scripts of a mode together: `queue` defines the functions `queue_…`. */
export function queueScripts(mode: string, queue: string): QueueScripts {
  const base = [prelude, records, messages, ready, bells, groupNames, queue]
  const script = (name: string, ...parts: readonly string[]): Script => ({
    name: `${mode} ${name}`,
    lua: [...base, ...parts].join('\n'),
  })
  return {
    send: script('send', groups, enqueue, send),
    take: script('take', evenWithoutMemory, groups, endings, take),
    work: script('work', evenWithoutMemory, groups, endings, work),
    cancel: script('cancel', evenWithoutMemory, groups, endings, cancel),
    check: script('check', evenWithoutMemory, check),
    regain: script('regain', evenWithoutMemory, groups, endings, regain),
    tick: script('tick', evenWithoutMemory, groups, enqueue, endings, clean, tick),
  }
}
