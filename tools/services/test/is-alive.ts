/** Whether a process of this pid runs; one that has ended and waits for its parent does not. */
import { readFileSync } from 'node:fs'

export function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
