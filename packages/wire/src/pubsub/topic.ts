import { WireError } from '../errors.ts'

/** Longest topic or filter, in UTF-16 units. */
export const MAX_TOPIC_LENGTH = 16_384
const MAX_LEVELS = 128

// Spaces, control characters and halves of surrogate pairs, which no broker takes.
const FORBIDDEN = /[\u0000-\u0020\u007f-\u009f]|\p{Cs}/u

/**
 * Throws `ERR_AETHER_TOPIC_INVALID` unless `topic` may be published to and served: levels parted by `/`, without `+`, `#`, spaces and control
 * characters, and not beginning with `$`, which is for the broker's own.
 */
export function checkTopic(topic: string): void {
  checkName(topic)
  if (topic.includes('+') || topic.includes('#')) throw refuse(topic, 'holds a wildcard')
  if (topic.startsWith('$')) throw refuse(topic, 'begins with $, as the topics of brokers do')
}

/** As `checkTopic`, for topics that are asked: those of the broker too. */
export function checkRequestTopic(topic: string): void {
  checkName(topic)
  if (topic.includes('+') || topic.includes('#')) throw refuse(topic, 'holds a wildcard')
}

/** Throws `ERR_AETHER_TOPIC_INVALID` unless `filter` may be subscribed to: `+` stands for one level, `#` at the end for all that follow. */
export function checkFilter(filter: string): void {
  checkName(filter)
  if (filter.startsWith('$')) throw refuse(filter, 'begins with $, as the topics of brokers do')
  const levels = filter.split('/')
  for (const [index, level] of levels.entries()) {
    if (level === '+' || (level === '#' && index === levels.length - 1)) continue
    if (level.includes('+') || level.includes('#'))
      throw refuse(filter, 'holds a wildcard that is no level of its own')
  }
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

function checkName(name: string): void {
  if (typeof name !== 'string' || name === '') throw refuse(name, 'is empty')
  if (name.length > MAX_TOPIC_LENGTH) throw refuse(name, `is longer than ${MAX_TOPIC_LENGTH} characters`)
  if (FORBIDDEN.test(name)) throw refuse(name, 'holds a space or a control character')
  if (name.split('/').length > MAX_LEVELS) throw refuse(name, `has more than ${MAX_LEVELS} levels`)
}

function refuse(topic: unknown, problem: string): WireError {
  const shown = typeof topic === 'string' ? JSON.stringify(topic.slice(0, 80)) : `of type ${typeof topic}`
  return new WireError('ERR_AETHER_TOPIC_INVALID', `Topic ${shown} ${problem}.`)
}
