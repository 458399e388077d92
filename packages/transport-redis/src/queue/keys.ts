import type { EventFilter, Route } from '@aether/core'

/** The job/task that shares one set of keys: `union/job/task`. */
export function laneOf(route: Route): string {
  return `${route.union}/${route.job}/${route.task}`
}

/**
 * What every key of a job/task begins with: `<prefix>{union/job/task}`. The part in braces is the hash tag of Redis Cluster, so braces in names, which would end it
 * early, are percent-encoded.
 */
export function keyBase(prefix: string, lane: string): string {
  return `${prefix}{${lane.replaceAll(/[%{}]/g, (char) => encodeURIComponent(char))}}`
}

/**
 * What a script is told to be its keys. Neither ever exists. While a Cluster moves a slot from node to node, neither node holds all of it, and one such key would
 * send every script to the new node, where it would begin anew with nothing; two are answered by TRYAGAIN until all is there.
 */
export function scriptKeys(base: string, isCluster: boolean): readonly string[] {
  return isCluster ? [base, `${base}/nothing`] : [base]
}

/** The channel on which one instance hears bells, events of its tasks and revocations. */
export function inboxChannel(prefix: string, instance: string): string {
  return `${prefix}inbox/${instance}`
}

/** The channel of an event: its topic. */
export function eventChannel(prefix: string, topic: string): string {
  return `${prefix}event/${topic}`
}

/** A glob that lets every event of a filter through. `*` also crosses levels, so what comes is to be looked at again. */
export function eventPattern(prefix: string, union: string, filter: EventFilter): string {
  const level = (value: string | undefined): string =>
    value === undefined || value === '+' ? '*' : globEscape(value)
  const levels = [filter.job, filter.task, filter.context, filter.tid, filter.action].map(level)
  return `${globEscape(`${prefix}event/${union}`)}/${levels.join('/')}`
}

function globEscape(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, String.raw`\$&`)
}
