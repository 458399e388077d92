import {
  Codec,
  type FrameWriter,
  writeAck,
  writeAttach,
  writeCancel,
  writeConsume,
  writeConsumeStop,
  writeDetach,
  writePublish,
  writePublishNamed,
  writeRelease,
  writeRenew,
  writeReply,
  writeReport,
  writeRequest,
  writeRoute,
  writeSend,
  writeServe,
  writeSubscribe,
  writeTopicRequest,
  writeUnserve,
  writeUnsubscribe,
} from '@aether/wire'

const body = Buffer.from('body')
const headers = { e: 'ERR_AETHER_TASK_FAILED', m: 'no', w: 'workers' }
const block = { codec: Codec.raw, headers, body }
const task = {
  tid: 't',
  workgroup: 'w',
  waitForWorkers: true,
  priority: 1,
  attempts: 2,
  ttlMs: 0,
  delayMs: 0,
  ...block,
}

/** One of each frame that a client may send after HELLO, but for those that both sides send about the connection itself. */
export const clientFrames: Readonly<Record<string, (writer: FrameWriter) => void>> = {
  SUBSCRIBE: (writer) => writeSubscribe(writer, 'a/#'),
  UNSUBSCRIBE: (writer) => writeUnsubscribe(writer, 'a/#'),
  TOPIC_REQUEST: (writer) => writeTopicRequest(writer, 'a/b'),
  PUBLISH: (writer) => writePublish(writer, 1, headers, body),
  PUBLISH_NAMED: (writer) => writePublishNamed(writer, 'a/c', headers, body),
  SERVE: (writer) => writeServe(writer, 'a/q', 3),
  REQUEST: (writer) => writeRequest(writer, 9, 50, 0, 'a/q', headers, body),
  REPLY: (writer) => writeReply(writer, 0, headers, body),
  UNSERVE: (writer) => writeUnserve(writer, 'a/q'),
  ROUTE: (writer) => writeRoute(writer, 1, 'u/j/t/x'),
  SEND: (writer) => writeSend(writer, 1, 1, 1_000, task),
  CONSUME: (writer) =>
    writeConsume(writer, {
      consumer: 1,
      filter: 'u/j/+/x',
      workgroup: 'w',
      credit: 2,
      leaseMs: 50,
      pool: 0,
      poolCredit: 0,
    }),
  CONSUME_STOP: (writer) => writeConsumeStop(writer, 1),
  RENEW: (writer) => writeRenew(writer, 1),
  REPORT: (writer) => writeReport(writer, 1, { status: 1, progress: 5, seq: 1, ...block }),
  ACK: (writer) => writeAck(writer, 1, 0, true, block),
  RELEASE: (writer) => writeRelease(writer, 2, 10, true, block),
  CANCEL: (writer) => writeCancel(writer, 1, 't', 'why'),
  ATTACH: (writer) => writeAttach(writer, 1, 2, 't'),
  DETACH: (writer) => writeDetach(writer, 2),
}
