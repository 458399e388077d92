export type { Backoff } from './connection/backoff.ts'
export type { ByteStream, ByteStreamHandlers, Dial } from './connection/byte-stream.ts'
export {
  channelTopic,
  type ChannelConsumer,
  type ChannelProvider,
  createConsumer,
  createProvider,
} from './requests/channels.ts'
export { type Client, createClient, type PublishOptions, type TaskSession } from './client.ts'
export type { ConnectionState } from './connection/connection-state.ts'
export type { Lease, RevokeHandler } from './tasks/lease.ts'
export { Message } from './pubsub/message.ts'
export type { ClientOptions, SessionOptions } from './options.ts'
export type { RequestOptions } from './requests/requester.ts'
export type { Answer, RequestHandler, ServeOptions, Serving } from './requests/server.ts'
export type { Overflow, SubscribeOptions, Subscription } from './pubsub/subscription.ts'
export type { ConsumeSpec, TaskConsumer } from './tasks/task-consumers.ts'
export type { RunHandler, SendWaiter, TaskSend } from './tasks/task-runs.ts'
export { checkFilter, checkTopic, matchesTopic, MAX_TOPIC_LENGTH } from './pubsub/topic.ts'
export { type IdEntry, IdTable } from './tasks/id-table.ts'
export { WireError, type WireErrorCode, type WireErrorOptions } from './errors.ts'
export { FrameCursor } from './frames/frame-cursor.ts'
export {
  DEFAULT_MAX_FRAME_BYTES,
  type FrameHandler,
  FrameReader,
  type FrameReaderOptions,
} from './frames/frame-reader.ts'
export { COPY_LIMIT, FRAME_HEAD, FrameWriter } from './frames/frame-writer.ts'
export {
  appendHeaders,
  decodeHeaders,
  encodeHeaders,
  findHeader,
  type Headers,
  type HeadersInput,
} from './frames/headers.ts'
export { Codec, FrameType, MAGIC, Outcome, Reason, RevokeReason, VERSION } from './protocol.ts'
export { readText, textBytes, TextMemo, writeText } from './frames/text.ts'
export {
  type Hello,
  readConfirm,
  readDeduplicated,
  readError,
  readGoodbye,
  readHello,
  readRefuse,
  readToken,
  readWelcome,
  type Refusal,
  type Welcome,
  writeConfirm,
  writeDeduplicated,
  writeError,
  writeGoodbye,
  writeHello,
  writePing,
  writePong,
  writeRefuse,
  writeWelcome,
} from './frames/connection.ts'
export {
  frameAt,
  namedHeadersAt,
  payloadAt,
  PUBLISH_HEADERS,
  publishTopicId,
  readDropped,
  readName,
  readTopic,
  readTopicDrop,
  writeDropped,
  writePublish,
  writePublishNamed,
  writeSubscribe,
  writeTopic,
  writeTopicDrop,
  writeTopicRequest,
  writeUnsubscribe,
} from './frames/pubsub.ts'
export {
  readReply,
  readReplyError,
  readRequest,
  readServe,
  ReplyFrame,
  RequestFrame,
  writeForwarded,
  writeReply,
  writeReplyError,
  writeRequest,
  writeServe,
  writeUnserve,
} from './frames/request.ts'
export {
  CompleteBlock,
  type CompleteFields,
  decodeCompleteBlock,
  encodeCompleteBlock,
  StatusBlock,
  type StatusFields,
  TaskBlock,
  type TaskFields,
} from './frames/task-blocks.ts'
export {
  AckFrame,
  type AttachFrame,
  type CancelFrame,
  CompleteFrame,
  type ConsumeFrame,
  DeliverFrame,
  readAck,
  readAttach,
  readCancel,
  readComplete,
  readConsume,
  readDeliver,
  readId,
  readRelease,
  readRenew,
  readReport,
  readRevoke,
  readRoute,
  readSend,
  readStatus,
  ReleaseFrame,
  ReportFrame,
  type RevokeFrame,
  type RouteFrame,
  SendFrame,
  StatusFrame,
  writeAck,
  writeAttach,
  writeCancel,
  writeComplete,
  writeConsume,
  writeConsumeStop,
  writeDeliver,
  writeDetach,
  writeRelease,
  writeRenew,
  writeReport,
  writeRevoke,
  writeRoute,
  writeSend,
  writeStatus,
} from './frames/tasks.ts'
