import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { env } from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pythonPath } from '@aether/services'
import { until } from '@aether/testing'

/** What the peer's worker does with a task: leave it to the test after status 0, say nothing, or end it. */
export type PeerBehaviour = 'accept' | 'echo' | 'fail' | 'silent'

export interface PeerAddress {
  readonly job: string
  readonly task: string
  readonly context: string
}

export interface PeerTask extends PeerAddress {
  readonly tid: string
}

/** A message as the peer read it; `text` is the payload itself. */
export interface PeerMessage extends PeerTask {
  readonly topic: string
  readonly retain: boolean
  readonly action: string
  readonly status: string | null
  readonly progress: number | null
  readonly data: unknown
  readonly text: string
}

export interface PeerOptions {
  readonly port: number
  readonly union: string
  readonly host?: string
  readonly client?: string
  /** The envelopes of earlier releases have fewer fields and another order. @default 'newer' */
  readonly form?: 'newer' | 'older'
  /** @default 4, which is MQTT 3.1.1 and what the library speaks */
  readonly protocol?: 4 | 5
  readonly username?: string
  readonly password?: string
}

export interface PublishOptions {
  readonly qos?: 0 | 1
  readonly retain?: boolean
}

interface Answer {
  readonly id?: number
  readonly value?: unknown
  readonly error?: string
  readonly heard?: PeerMessage
}

/** A Python process that speaks AetherMagic's protocol; see `python/aether_peer.py`. */
export class PythonPeer implements AsyncDisposable {
  /** All that it heard, oldest first. */
  readonly heard: PeerMessage[] = []
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0
  #errors = ''

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => (this.#errors += String(chunk)))
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(JSON.parse(line) as Answer))
    child.once('exit', () => {
      for (const answer of this.#waiting.values()) answer({ error: `the peer is gone: ${this.#errors}` })
      this.#waiting.clear()
    })
  }

  connect(options: PeerOptions): Promise<unknown> {
    return this.#say(0, options)
  }

  /** Takes tasks as a member of a workgroup; resolves once it is subscribed. */
  async idle(
    address: PeerAddress,
    options: { readonly workgroup?: string; readonly behaviour: PeerBehaviour },
  ): Promise<void> {
    const { workgroup = 'workers', behaviour } = options
    await this.#do('idle', { ...pick(address), workgroup, behaviour })
  }

  /** Performs a task and hears what becomes of it; resolves with its tid. */
  async perform(address: PeerAddress & { readonly tid?: string }, data: unknown): Promise<PeerTask> {
    const { tid } = address
    const made = await this.#do('perform', { ...pick(address), data, ...(tid !== undefined && { tid }) })
    return { ...pick(address), tid: String(made) }
  }

  async status(task: PeerTask, progress: number, data: unknown = {}): Promise<void> {
    await this.#do('status', { ...pick(task), tid: task.tid, progress, data })
  }

  async complete(task: PeerTask, success: boolean, data: unknown = {}): Promise<void> {
    await this.#do('complete', { ...pick(task), tid: task.tid, success, data })
  }

  async cancel(task: PeerTask): Promise<void> {
    await this.#do('cancel', { ...pick(task), tid: task.tid })
  }

  /** Says that it leaves. */
  async dismiss(task: PeerTask): Promise<void> {
    await this.#do('dismiss', { ...pick(task), tid: task.tid })
  }

  async listen(topic: string): Promise<void> {
    await this.#do('listen', { topic })
  }

  /** Any bytes on any topic. */
  async publish(topic: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    await this.#do('publish', { topic, bytes: Buffer.from(payload).toString('base64'), ...options })
  }

  /** What it heard of an action, of one task where one is named. */
  of(action: string, tid?: string): readonly PeerMessage[] {
    return this.heard.filter((message) => message.action === action && (tid ?? message.tid) === message.tid)
  }

  /** The first message of an action, once there is one. */
  hears(action: string, tid?: string): Promise<PeerMessage> {
    return until(() => this.of(action, tid)[0], {
      timeoutMs: 20_000,
      what: () => `${action} at the peer ${this.#errors}`,
    })
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#end(() => this.#child.kill('SIGKILL'))
  }

  /** Disconnects and ends the process. */
  async close(): Promise<void> {
    await this.#end(() => this.#child.stdin.end())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(how: () => unknown): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    how()
    await exited
  }

  #do(command: string, fields: object): Promise<unknown> {
    this.#lastId += 1
    return this.#say(this.#lastId, { id: this.#lastId, do: command, ...fields })
  }

  #say(id: number, line: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      })
      this.#child.stdin.write(`${JSON.stringify(line)}\n`)
    })
  }

  #read(answer: Answer): void {
    if (answer.heard) {
      this.heard.push(answer.heard)
      return
    }
    const id = answer.id ?? -1
    this.#waiting.get(id)?.(answer)
    this.#waiting.delete(id)
  }
}

function pick({ job, task, context }: PeerAddress): PeerAddress {
  return { job, task, context }
}

/** Starts a peer and connects it; it ends with this process, or when it is closed. */
export async function startPythonPeer(options: PeerOptions): Promise<PythonPeer> {
  const python = await pythonPath(['paho.mqtt'])
  const script = fileURLToPath(new URL('python/remote.py', import.meta.url))
  // No cached bytecode beside the sources.
  const child = spawn(python, ['-B', script], { env: { ...env, PYTHONUNBUFFERED: '1' } })
  const peer = new PythonPeer(child)
  try {
    await peer.connect(options)
  } catch (error) {
    await peer.kill()
    throw error
  }
  return peer
}
