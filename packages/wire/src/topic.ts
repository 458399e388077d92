import { WireError } from './errors.ts'
import { textBytes } from './text.ts'

/** Longest topic or filter, in bytes. */
export const MAX_TOPIC_BYTES = 1_024

// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const FORBIDDEN = /[\u0000-\u001f\u007f]/

/** Throws `ERR_AETHER_TOPIC_INVALID` unless `topic` may be published to: levels parted by `/`, without `+`, `#` and control characters. */
export function checkTopic(topic: string): void {
  if (typeof topic !== 'string' || topic === '') throw refuse(topic, 'is empty')
  if (topic.includes('+') || topic.includes('#')) throw refuse(topic, 'holds a wildcard')
  checkText(topic)
}

/** Throws `ERR_AETHER_TOPIC_INVALID` unless `filter` may be subscribed to: `+` stands for one level, `#` at the end for all that follow. */
export function checkFilter(filter: string): void {
  if (typeof filter !== 'string' || filter === '') throw refuse(filter, 'is empty')
  const levels = filter.split('/')
  for (const [index, level] of levels.entries()) {
    if (level === '+' || (level === '#' && index === levels.length - 1)) continue
    if (level.includes('+') || level.includes('#'))
      throw refuse(filter, 'holds a wildcard that is no level of its own')
  }
  checkText(filter)
}

/** Whether a topic is one that a filter asks for; `a/#` asks for `a` too. */
export function matchesTopic(filter: string, topic: string): boolean {
  if (filter === topic || filter === '#') return true
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (let index = 0; index < wanted.length; index++) {
    const level = wanted[index]
    if (level === '#') return true
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false
  }
  return wanted.length === levels.length
}

function checkText(topic: string): void {
  if (FORBIDDEN.test(topic)) throw refuse(topic, 'holds a control character')
  if (textBytes(topic) > MAX_TOPIC_BYTES) throw refuse(topic, `is longer than ${MAX_TOPIC_BYTES} bytes`)
}

function refuse(topic: unknown, problem: string): WireError {
  const shown = typeof topic === 'string' ? topic.slice(0, 80) : typeof topic
  return new WireError('ERR_AETHER_TOPIC_INVALID', `Topic ${JSON.stringify(shown)} ${problem}.`)
}
