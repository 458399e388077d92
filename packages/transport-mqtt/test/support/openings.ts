import { afterEach } from 'vitest'

interface Closable {
  close(options: { readonly signal: AbortSignal }): Promise<unknown>
}

/** What a test leaves undone is not to be waited for. */
const graceMs = 2_000

/** Remembers what a test opens and closes it afterwards, newest first. */
export function openings(): <T extends Closable>(thing: T) => T {
  let opened: Closable[] = []
  afterEach(async () => {
    const closing = opened.reverse()
    opened = []
    const signal = AbortSignal.timeout(graceMs)
    for (const thing of closing) await thing.close({ signal })
  }, 60_000)
  return (thing) => {
    opened.push(thing)
    return thing
  }
}
