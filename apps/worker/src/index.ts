export { filesDigest, imageThumbnail, textStats } from './tasks.ts'
export type {
  DigestOutput,
  DigestProgress,
  FileInput,
  ImageFormat,
  TextInput,
  TextStatsOutput,
  ThumbnailInput,
  ThumbnailOutput,
} from './tasks.ts'
export type { HandlerEnvironment, HandlerRegistry, RegisterHandlers } from './handler-module.ts'
