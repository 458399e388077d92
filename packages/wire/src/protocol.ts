/** Constants of the broker protocol; `PROTOCOL.md` gives each frame with its byte offsets. */

export const MAGIC = 0x41455448
export const VERSION = 1

export const FrameType = {
  HELLO: 0x01,
  WELCOME: 0x02,
  PING: 0x03,
  PONG: 0x04,
  ERROR: 0x05,
  GOODBYE: 0x06,
  CONFIRM: 0x07,
  REFUSE: 0x08,
  DEDUPLICATED: 0x09,
  PUBLISH: 0x10,
  PUBLISH_NAMED: 0x11,
  SUBSCRIBE: 0x12,
  UNSUBSCRIBE: 0x13,
  TOPIC_REQUEST: 0x14,
  TOPIC: 0x15,
  TOPIC_DROP: 0x16,
  DROPPED: 0x17,
  REQUEST: 0x20,
  REPLY: 0x21,
  SERVE: 0x22,
  UNSERVE: 0x23,
  ROUTE: 0x30,
  SEND: 0x31,
  DELIVER: 0x32,
  CONSUME: 0x33,
  CONSUME_STOP: 0x34,
  RENEW: 0x35,
  REPORT: 0x36,
  STATUS: 0x37,
  ACK: 0x38,
  COMPLETE: 0x39,
  RELEASE: 0x3a,
  REVOKE: 0x3b,
  CANCEL: 0x3c,
  ATTACH: 0x3d,
  DETACH: 0x3e,
} as const

export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export const Codec = { none: 0, json: 1, msgpack: 2, raw: 3 } as const
export const Outcome = { succeed: 0, failed: 1, cancelled: 2, expired: 3 } as const
export const Reason = { worker: 0, cancelled: 1, queueTtl: 2, deadline: 3, attemptsExhausted: 4 } as const
export const RevokeReason = { leaseLost: 1, cancelled: 2, deadline: 3 } as const
