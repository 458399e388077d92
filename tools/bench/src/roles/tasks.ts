import { adapter, passive, type RoleFactory } from './role.ts'

/** Keeps `inFlight` tasks under way, checks each result and that progress came. */
export const performer: RoleFactory = async (contender, spec) => {
  const client = await adapter(contender, 'tasks')(spec.url, 'client', spec.width)
  return {
    async round({ count, size, inFlight, steps }) {
      const text = 'x'.repeat(size)
      let next = 0
      let silent = 0
      const lane = async (): Promise<void> => {
        while (next < count) {
          const n = next++
          let updates = 0
          const output = await client.perform({ n, steps, text }, steps > 0 ? () => updates++ : undefined)
          if (output.n !== n || output.length !== size) throw new Error(`the result of task ${n} is wrong`)
          if (steps > 0 && updates === 0) silent++
        }
      }
      await Promise.all(Array.from({ length: inFlight }, lane))
      // Conflated progress may merge updates, but a task whose ten updates all went missing was not followed.
      if (silent > count / 100) throw new Error(`${silent} of ${count} tasks showed no progress at all`)
      return { verified: count }
    },
    close: () => client.close(),
  }
}

export const worker: RoleFactory = async (contender, spec) => {
  const client = await adapter(contender, 'tasks')(spec.url, 'worker', spec.width)
  await client.work()
  return { ...passive, close: () => client.close() }
}
