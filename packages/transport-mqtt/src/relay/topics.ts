import type { Route } from '@aether/core'

/** Below `{union}/$aether/…`: no name starts with `$`, and topics of tasks have six levels, so these meet no filter of tasks or events. */
export function inboxTopic(union: string, inbox: string): string {
  return `${union}/$aether/inbox/${inbox}`
}

export function everyoneTopic(union: string): string {
  return `${union}/$aether/everyone`
}

/** Of one client, or of all where `client` is `+`. */
export function presenceTopic(union: string, client: string): string {
  return `${union}/$aether/presence/${client}`
}

/** Where a peer that knows response topics, but no inbox, answers: the route of the task follows, and its tid is the correlation data. */
export function answerTopic(inbox: string, { union, job, task, context }: Route): string {
  return `${union}/$aether/answer/${inbox}/${job}/${task}/${context}`
}

/** The key of the route of an answer. */
export function routeOfAnswer(topic: string): string {
  const [union = '', , , , ...names] = topic.split('/')
  return [union, ...names].join('/')
}
