import { encodeFrames, isAetherError, type Parcel, type Signal, signalToParcel } from '@aether/core'
import { lostError } from '../errors.ts'

/** Beyond either a batch goes out before its turn is over. */
const mostSignals = 512
const mostBodyBytes = 262_144
/** A signal with a longer body travels alone, so that it alone is refused where it is too long for the broker. */
const mostSharedBytes = 4_096
/** Room for the topic and the head of the packet. */
const packetHeadBytes = 1_024

interface Batch {
  readonly parcels: Parcel[]
  bodyBytes: number
  /** Settles for all of them, when the broker has them. */
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface SignalBatchesOptions {
  readonly publish: (to: string, payload: Uint8Array) => Promise<unknown>
  /** How long a packet should be at most. @default Infinity */
  readonly maxPacketBytes?: () => number
}

/** Signals of one turn to one inbox travel as one message, or as few as the broker takes. */
export class SignalBatches {
  readonly #options: SignalBatchesOptions
  readonly #batches = new Map<string, Batch>()
  #immediate: NodeJS.Immediate | undefined

  constructor(options: SignalBatchesOptions) {
    this.#options = options
  }

  add(to: string, signal: Signal): Promise<void> {
    const parcel = signalToParcel(signal)
    if (parcel.body.length > mostSharedBytes) return this.#alone(to, parcel)
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

  /** After what was said to the same inbox before. */
  #alone(to: string, parcel: Parcel): Promise<void> {
    const earlier = this.#batches.get(to)
    if (earlier) {
      this.#batches.delete(to)
      this.#send(to, earlier)
    }
    const batch = newBatch()
    batch.parcels.push(parcel)
    this.#send(to, batch)
    return batch.promise
  }

  #send(to: string, batch: Batch): void {
    this.#publish(to, batch.parcels).then(batch.resolve, (error: unknown) => {
      const isTogether = batch.parcels.length > 1 && isAetherError(error)
      // Only together were they too long: whoever says one again says it in a shorter message.
      const isTooLong = isTogether && error.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE'
      batch.reject(isTooLong ? lostError(error.message) : error)
    })
  }

  async #publish(to: string, parcels: readonly Parcel[]): Promise<void> {
    const { publish, maxPacketBytes } = this.#options
    const payload = encodeFrames(parcels)
    if (parcels.length > 1 && payload.length + packetHeadBytes > (maxPacketBytes?.() ?? Infinity)) {
      const half = parcels.length >> 1
      await Promise.all([this.#publish(to, parcels.slice(0, half)), this.#publish(to, parcels.slice(half))])
    } else await publish(to, payload)
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
