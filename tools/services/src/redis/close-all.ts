import type { Service } from '../process/service.ts'

/** Closes all of them, also when one fails. */
export async function closeAll(services: readonly Service[]): Promise<void> {
  const results = await Promise.allSettled(services.map((service) => service.close()))
  const reasons = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  if (reasons.length > 0) throw new AggregateError(reasons, 'some servers could not be closed')
}

/** Starts them together; when one fails, none is left. */
export async function startAll<S extends Service>(starting: readonly Promise<S>[]): Promise<readonly S[]> {
  const results = await Promise.allSettled(starting)
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return started
  await closeAll(started)
  throw failed.reason
}
