import { type Aether, createAether, defineTask, type Logger, type TaskDefinition } from '@aether/core'
import type { MosquittoServer } from '@aether/services'
import { mqtt, type MqttCapabilities, type MqttOptions } from '../../src/index.ts'
import { openings } from './openings.ts'
import { type PeerAddress, type PeerOptions, type PythonPeer, startPythonPeer } from './python-peer.ts'

export const address: PeerAddress = { job: 'image-process', task: 'resize', context: 'batch1' }

/** The same kind of work as its `address`, as an application here knows it. */
export const resize: TaskDefinition<undefined, undefined, undefined> = defineTask({
  job: address.job,
  task: address.task,
  deadlineMs: 20_000,
})

export interface InteropRoom {
  /** Closes whatever else a test opens, after what it opened later. */
  readonly opened: ReturnType<typeof openings>
  aether(
    union: string,
    options?: Partial<MqttOptions> & { readonly logger?: Logger; readonly name?: string },
  ): Aether<MqttCapabilities>
  peer(options: Partial<PeerOptions> & { readonly union: string }): Promise<PythonPeer>
}

/** Applications here and peers in Python at one broker, closed after each test. */
export function interopRoom(server: () => MosquittoServer): InteropRoom {
  const opened = openings()
  return {
    opened,
    aether(union, { logger, name, ...options } = {}) {
      const transport = mqtt({ url: server().url, interop: 'aethermagic', ...options })
      return opened(
        createAether({ union, transport, ...(logger && { logger }), ...(name !== undefined && { name }) }),
      )
    },
    async peer(options) {
      return opened(await startPythonPeer({ port: server().port, ...options }))
    },
  }
}
