import { adapter, passive, type RoleFactory } from './role.ts'
import { isStamped, stamp } from './payload.ts'

/** Keeps `inFlight` requests under way and checks that each answer echoes its request. */
export const requester: RoleFactory = async (contender, spec) => {
  const client = await adapter(contender, 'rpc')(spec.url)
  return {
    async round({ count, size, inFlight }) {
      const latenciesUs: number[] = []
      let next = 0
      const lane = async (): Promise<void> => {
        const payload = Buffer.alloc(size)
        while (next < count) {
          const sequence = next++
          stamp(payload, sequence)
          const before = inFlight === 1 ? process.hrtime.bigint() : 0n
          const reply = await client.request(payload)
          if (inFlight === 1) latenciesUs.push(Number(process.hrtime.bigint() - before) / 1000)
          if (!isStamped(reply, sequence, size)) throw new Error(`the reply to request ${sequence} is wrong`)
        }
      }
      await Promise.all(Array.from({ length: inFlight }, lane))
      return inFlight === 1 ? { verified: count, latenciesUs } : { verified: count }
    },
    close: () => client.close(),
  }
}

export const responder: RoleFactory = async (contender, spec) => {
  const client = await adapter(contender, 'rpc')(spec.url)
  await client.serve()
  return { ...passive, close: () => client.close() }
}
