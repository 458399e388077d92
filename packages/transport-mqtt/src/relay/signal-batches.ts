import { encodeFrames, type Parcel, type Signal, signalToParcel } from '@aether/core'

/** Beyond either a batch goes out before its turn is over. */
const mostSignals = 512
const mostBodyBytes = 262_144

interface Batch {
  readonly parcels: Parcel[]
  bodyBytes: number
  /** Settles for all of them, when the broker has them. */
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Signals of one turn to one inbox travel as one message. */
export class SignalBatches {
  readonly #publish: (to: string, payload: Uint8Array) => Promise<unknown>
  readonly #batches = new Map<string, Batch>()
  #immediate: NodeJS.Immediate | undefined

  constructor(publish: (to: string, payload: Uint8Array) => Promise<unknown>) {
    this.#publish = publish
  }

  add(to: string, signal: Signal): Promise<void> {
    const parcel = signalToParcel(signal)
    let batch = this.#batches.get(to)
    if (!batch) {
      batch = newBatch()
      this.#batches.set(to, batch)
      // Not a microtask: messages that came with one read are handled in ticks of their own, and answered together.
      this.#immediate ??= setImmediate(this.flush)
    }
    batch.parcels.push(parcel)
    batch.bodyBytes += parcel.body.length
    if (batch.parcels.length >= mostSignals || batch.bodyBytes >= mostBodyBytes) {
      this.#batches.delete(to)
      this.#send(to, batch)
    }
    return batch.promise
  }

  readonly flush = (): void => {
    clearImmediate(this.#immediate)
    this.#immediate = undefined
    const batches = [...this.#batches]
    this.#batches.clear()
    for (const [to, batch] of batches) this.#send(to, batch)
  }

  #send(to: string, batch: Batch): void {
    try {
      this.#publish(to, encodeFrames(batch.parcels)).then(batch.resolve, batch.reject)
    } catch (error) {
      batch.reject(error)
    }
  }
}

function newBatch(): Batch {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = () => onResolve()
    reject = onReject
  })
  return { parcels: [], bodyBytes: 0, promise, resolve, reject }
}
