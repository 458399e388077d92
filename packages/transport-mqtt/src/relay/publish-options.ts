import type { Offer, TaskMessage } from '@aether/core'
import type { IClientPublishOptions } from 'mqtt'
import { answerTopic } from './topics.ts'

/** Of payloads that are frames. */
const framesContentType = 'application/vnd.aether.frames'
const framesProperties = { properties: { contentType: framesContentType } }
/** The interval is a number of 32 bits. */
const mostSeconds = 0xffff_ffff

interface PublishContext {
  readonly qos: 0 | 1
  /** Properties are of MQTT 5. */
  readonly version: 4 | 5 | undefined
  /** The payload is a frame. */
  readonly isFrame: boolean
}

export function offerOptions(
  task: TaskMessage,
  { replyTo }: Offer,
  { qos, version, isFrame }: PublishContext,
): IClientPublishOptions {
  if (version !== 5) return { qos }
  const expiry = Math.ceil((task.deadline - Date.now()) / 1_000)
  return {
    qos,
    properties: {
      ...(expiry > 0 && expiry < mostSeconds && { messageExpiryInterval: expiry }),
      ...(replyTo !== undefined && {
        responseTopic: answerTopic(replyTo, task.route),
        correlationData: Buffer.from(task.tid),
      }),
      ...(isFrame && { contentType: framesContentType }),
    },
  }
}

export function eventOptions({ qos, version, isFrame }: PublishContext): IClientPublishOptions {
  return { qos, ...(version === 5 && isFrame && framesProperties) }
}
