import { adapter, type RoleFactory } from './role.ts'

/** Opens `count` connections and keeps them until closed. */
export const idler: RoleFactory = async (contender, spec) => {
  let closeAll: () => Promise<void> = async () => undefined
  return {
    async round({ count }) {
      closeAll = await adapter(contender, 'idle')(spec.url, count)
      return { verified: count }
    },
    close: () => closeAll(),
  }
}
