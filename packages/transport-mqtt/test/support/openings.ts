import { afterEach } from 'vitest'

interface Closable {
  close(): Promise<unknown>
}

/** Remembers what a test opens and closes it afterwards, newest first. */
export function openings(): <T extends Closable>(thing: T) => T {
  let opened: Closable[] = []
  afterEach(async () => {
    const closing = opened.reverse()
    opened = []
    for (const thing of closing) await thing.close()
  })
  return (thing) => {
    opened.push(thing)
    return thing
  }
}
