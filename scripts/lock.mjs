// One process at a time installs or builds in this folder; the others wait for it.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

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
    if (owner !== undefined && !isAlive(owner)) {
      dropStale(path, owner)
      continue
    }
    if (owner !== undefined && !hasWaited) {
      hasWaited = true
      onWait(owner)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
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

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Of several processes that saw the same dead owner only one may remove its file, and none the file of a new owner.
 * @param {string} path
 * @param {number} owner
 */
function dropStale(path, owner) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const found = ownerOf(aside)
  if (found !== owner && found !== undefined && isAlive(found)) renameSync(aside, path)
  else rmSync(aside, { force: true })
}
