import { asItIs, BoundedStream } from '../stream/bounded-stream.ts'
import { textOf } from '../error-shape.ts'
import type { Logger, TransportState } from '../transport.ts'
import type { ChannelState } from './aether.ts'
import type { Channel } from './channel.ts'

const maxHeld = 1_000

/** From best to worst. */
const severity: Readonly<Record<TransportState['status'], number>> = {
  ready: 0,
  idle: 1,
  starting: 2,
  closing: 3,
  closed: 4,
  reconnecting: 5,
  failed: 6,
}

/** The state of the transport that is worst off; undefined without transports. */
export function worstState(channels: readonly Channel[]): TransportState {
  let worst: TransportState = { status: 'ready', generation: 0 }
  let isFirst = true
  for (const { transport } of channels) {
    if (isFirst || severity[transport.state.status] > severity[worst.status]) worst = transport.state
    isFirst = false
  }
  return worst
}

/** The state changes of several channels as one stream, which ends when all of theirs have. */
export function channelStates(
  channels: readonly Channel[],
  logger: Logger,
  signal: AbortSignal | undefined,
): AsyncIterable<ChannelState> {
  const stop = new AbortController()
  const stream = new BoundedStream<ChannelState, ChannelState>({
    limit: maxHeld,
    read: asItIs,
    signal,
    onEnd: () => stop.abort(),
  })
  if (stream.isEnded) return stream
  let open = channels.length
  const follow = async (channel: Channel): Promise<void> => {
    try {
      for await (const state of channel.transport.states({ signal: stop.signal })) {
        stream.push({ channel: channel.name, state })
      }
    } catch (error) {
      if (!stop.signal.aborted)
        logger.warn('following a state failed', { channel: channel.name, error: textOf(error) })
    }
    open -= 1
    if (open === 0) stream.end()
  }
  // Each ends by itself: with its transport, or when the stream ends.
  for (const channel of channels) void follow(channel)
  return stream
}
