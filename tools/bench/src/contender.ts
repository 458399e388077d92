/**
 * What a contender brings to each class of benchmark: the thinnest adapter over its own client, in its own best way. Every adapter takes the address of
 * the server that the harness started for it (empty for those that need none).
 */
export interface PubSubClient {
  /** Sends without waiting; the buffer is not touched again before the next but one `flush` has resolved. */
  publish(payload: Uint8Array): void
  /** Resolves when everything published before has left for good (a barrier, where the protocol has one). */
  flush(): Promise<void>
  subscribe(onMessage: (payload: Uint8Array) => void): Promise<void>
  close(): Promise<void>
}

export interface RpcClient {
  request(payload: Uint8Array): Promise<Uint8Array>
  /** Echoes every request. */
  serve(): Promise<void>
  close(): Promise<void>
}

export interface TaskClient {
  /** Performs one task and resolves with its result; `onProgress` counts its progress updates. */
  perform(input: TaskInput, onProgress: (() => void) | undefined): Promise<TaskOutput>
  /** Works on tasks: reports `input.steps` progress updates and answers. */
  work(): Promise<void>
  close(): Promise<void>
}

export interface TaskInput {
  readonly n: number
  readonly steps: number
  readonly text: string
}

export interface TaskOutput {
  readonly n: number
  readonly length: number
}

/** Steps within one process, which nothing travels for. */
export interface StepClient {
  /** Does it `count` times, one after another; how many were done as they should. */
  run(count: number): number | Promise<number>
  close(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** The server it talks to, started by the harness. */
  readonly server: 'aether' | 'nats' | 'mosquitto' | 'aedes' | 'redis' | 'none'
  /** npm packages whose versions go into the report. */
  readonly packages: readonly string[]
  pubsub?(url: string): Promise<PubSubClient>
  rpc?(url: string): Promise<RpcClient>
  /** `concurrency`: how many tasks the worker takes at a time. `seat` tells the two processes of one pair apart. */
  tasks?(url: string, seat: 'client' | 'worker', concurrency: number): Promise<TaskClient>
  steps?(): Promise<StepClient>
  /** Opens idle connections; returns how to close them. */
  idle?(url: string, count: number): Promise<() => Promise<void>>
}
