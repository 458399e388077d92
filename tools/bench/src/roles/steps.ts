import { adapter, type RoleFactory } from './role.ts'

/** Runs a step of this process `count` times. */
export const stepper: RoleFactory = async (contender) => {
  const client = await adapter(contender, 'steps')()
  return {
    round: async ({ count }) => ({ verified: await client.run(count) }),
    close: () => client.close(),
  }
}
