// One process at a time installs or builds in this folder; the others wait for it.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** How often the owner of a lock shows that it lives, and after how long without it is taken for dead: its pid may be another process by now. */
const heartbeatMs = 2_000
const silenceMs = 30_000

/**
 * Runs `work` while no other process holds the lock file. A lock whose owner no longer lives is taken over.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {(owner: number) => void} onWait called once, when another process has to be waited for
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true })
  let hasWaited = false
  for (;;) {
    if (take(path)) break
    const owner = ownerOf(path)
    if (!isAlive(path, owner)) {
      dropStale(path, owner)
      continue
    }
    if (owner !== undefined && !hasWaited) {
      hasWaited = true
      onWait(owner)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const heartbeat = setInterval(() => touch(path), heartbeatMs)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    // It is another's by now where this process was stopped for long.
    if (ownerOf(path) === process.pid) rmSync(path, { force: true })
  }
}

/** @param {string} path */
function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  }
}

/** @param {string} path @returns {number | undefined} undefined while its owner is still writing, or has just left */
function ownerOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** @param {string} path @param {number | undefined} owner */
function isAlive(path, owner) {
  try {
    if (Date.now() - statSync(path).mtimeMs > silenceMs) return false
    if (owner !== undefined) process.kill(owner, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH'
  }
}

/** @param {string} path */
function touch(path) {
  try {
    utimesSync(path, new Date(), new Date())
  } catch {
    // Someone removed the file: the work goes on, and whoever comes next starts anew.
  }
}

/**
 * Of several processes that saw the same dead owner only one may remove its file, and none the file of a new owner.
 * @param {string} path
 * @param {number | undefined} owner
 */
function dropStale(path, owner) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const found = ownerOf(aside)
  if (found !== owner && isAlive(aside, found)) renameSync(aside, path)
  else rmSync(aside, { force: true })
}
