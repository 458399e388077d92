import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { kill } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { BrokerOptions } from '@aether/broker'
import type { BrokerAnswer, BrokerCommand } from './broker-process.ts'

type Order = BrokerCommand extends infer C ? (C extends BrokerCommand ? Omit<C, 'id'> : never) : never

/** The process of a broker. One process serves one test after the other, until it is killed and another takes its place. */
export class BrokerHost {
  #child: ChildProcess | undefined
  #ready: Promise<void> | undefined
  #nextId = 1
  #port = 0
  #options: BrokerOptions = {}
  readonly #waiting = new Map<number, (answer: BrokerAnswer) => void>()

  get port(): number {
    return this.#port
  }

  /** Starts a broker on a free port; the process is there already, or is started. */
  async start(options: BrokerOptions): Promise<void> {
    this.#options = options
    await this.#boot()
    this.#port = (await this.#ask({ type: 'start', options: { ...options, port: 0 } })) as number
  }

  /** Ends the broker; its process stays for the next one. */
  async stop(): Promise<void> {
    await this.#boot()
    this.thaw()
    await this.#ask({ type: 'stop' })
  }

  async deadLetters(): Promise<readonly string[]> {
    return (await this.#ask({ type: 'deadLetters' })) as readonly string[]
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    this.#ready = undefined
    // One that could not be started has no pid and no end: a signal to it would go to this whole process group.
    if (child?.pid === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** Another process at the same address. */
  async restart(): Promise<void> {
    await this.#boot()
    await this.#ask({ type: 'start', options: { ...this.#options, port: this.#port } })
  }

  freeze(): void {
    if (this.#child?.pid !== undefined) kill(this.#child.pid, 'SIGSTOP')
  }

  thaw(): void {
    if (this.#child?.pid !== undefined) kill(this.#child.pid, 'SIGCONT')
  }

  /** Makes sure of a process. */
  #boot(): Promise<void> {
    this.#ready ??= new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('./broker-process.ts', import.meta.url)), {
        execArgv: ['--conditions=@aether/source', '--import', 'tsx'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      this.#child = child
      child.once('error', reject)
      child.on('message', (answer: BrokerAnswer) => {
        if (answer.id === 0) resolve()
        else this.#waiting.get(answer.id)?.(answer)
        this.#waiting.delete(answer.id)
      })
    })
    return this.#ready
  }

  #ask(order: Order): Promise<unknown> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      })
      this.#child?.send({ ...order, id })
    })
  }
}
