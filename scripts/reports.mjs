// The closing count of `npm test`, from the JSON report of each package's test run.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

/** @typedef {{ passed: number, failed: number, problems: string[] }} Tally */

const report = (/** @type {string} */ folder) => join(folder, '.reports', 'vitest.json')

/** Removes the reports of earlier runs, so that only this run is counted. */
export function clearReports(/** @type {readonly string[]} */ folders) {
  for (const folder of folders) rmSync(join(folder, '.reports'), { recursive: true, force: true })
}

/**
 * Adds up the reports. A package with tests that left no readable report counts as one failure, and so does one whose run failed outside its tests
 * (a file that does not load, an unhandled rejection).
 * @param {readonly string[]} folders
 * @returns {Tally}
 */
export function tallyReports(folders) {
  /** @type {Tally} */
  const tally = { passed: 0, failed: 0, problems: [] }
  for (const folder of folders.filter(hasTests)) {
    const found = readReport(folder)
    const failed = found === undefined ? 1 : found.failed === 0 && !found.success ? 1 : found.failed
    tally.passed += found?.passed ?? 0
    tally.failed += failed
    if (found === undefined) tally.problems.push(`${basename(folder)}: its tests did not run to their end`)
    else if (failed > 0) tally.problems.push(`${basename(folder)}: ${failed} failed`)
  }
  return tally
}

/** @param {string} folder */
function hasTests(folder) {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return scripts?.test !== undefined
}

/** @param {string} folder */
function readReport(folder) {
  if (!existsSync(report(folder))) return undefined
  try {
    const { numPassedTests, numFailedTests, success } = JSON.parse(readFileSync(report(folder), 'utf8'))
    if (![numPassedTests, numFailedTests].every(Number.isInteger)) return undefined
    return { passed: numPassedTests, failed: numFailedTests, success: success === true }
  } catch {
    return undefined
  }
}
