import { decodeFrames, eventFromParcel, type RouteCache, type Signal, signalFromParcel } from '@aether/core'
import type { IPublishPacket } from 'mqtt'
import { fromPayload } from './payload.ts'
import { routeOfAnswer } from './topics.ts'

/** What came to an inbox or to everyone; throws `ERR_AETHER_ENVELOPE_INVALID`. */
export function readSignals(payload: Uint8Array, routes: RouteCache): readonly Signal[] {
  return decodeFrames(payload).map((parcel) => signalFromParcel(parcel, routes))
}

/**
 * What a peer says that knows no leases, only the response topic and correlation data of MQTT 5; undefined where it is no status or completion. Throws
 * `ERR_AETHER_ENVELOPE_INVALID`.
 */
export function readAnswer(
  { topic, properties, payload }: IPublishPacket,
  routes: RouteCache,
): Signal | undefined {
  const route = routes.get(routeOfAnswer(topic))
  const tid = properties?.correlationData?.toString()
  if (!route || tid === undefined) return undefined
  const event = eventFromParcel(fromPayload(payload as Buffer), { route, tid })
  if (event.action !== 'status' && event.action !== 'complete') return undefined
  return { kind: event.action, route, tid, workgroup: event.workgroup, attempt: 0, event }
}
