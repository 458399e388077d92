import type { Client } from '../client.ts'
import { WireError } from '../errors.ts'
import type { Message } from '../pubsub/message.ts'
import type { RequestOptions } from './requester.ts'
import type { Answer, ServeOptions, Serving } from './server.ts'

/** Topics of channels, apart from those of applications. */
const PREFIX = 'channels/'
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** Asks the provider of one channel. */
export interface ChannelConsumer {
  readonly channelId: string
  /** The provider's answer. `ERR_AETHER_RESPONDERS_NONE`, `ERR_AETHER_REQUEST_TIMEOUT`. */
  send(payload: Uint8Array, options?: RequestOptions): Promise<Message>
}

/** Answers those who ask on one channel. */
export interface ChannelProvider {
  readonly channelId: string
  /** Takes no more requests. */
  close(): Promise<void>
}

/** The topic of the channel with a UUID. Throws `ERR_AETHER_TOPIC_INVALID`. */
export function channelTopic(channelId: string): string {
  if (typeof channelId !== 'string' || !UUID.test(channelId))
    throw new WireError('ERR_AETHER_TOPIC_INVALID', 'A channel is named by a UUID.')
  return PREFIX + channelId.toLowerCase()
}

/** A consumer of a channel. Several clients may hold one; nothing is set up for it. */
export function createConsumer(client: Client, channelId: string): ChannelConsumer {
  const topic = channelTopic(channelId)
  return { channelId, send: (payload, options) => client.request(topic, payload, options) }
}

/** Provides a channel: `handler` answers each request. Several providers of one channel share its requests. */
export async function createProvider(
  client: Client,
  channelId: string,
  handler: (request: Message) => Answer | Promise<Answer>,
  options: ServeOptions = {},
): Promise<ChannelProvider> {
  const serving: Serving = await client.serve(channelTopic(channelId), handler, options)
  return { channelId, close: () => serving.close() }
}
