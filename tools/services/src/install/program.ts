import { findProgram } from '../process/find-program.ts'
import { ensureInstalled } from './ensure-installed.ts'

/** The path of a program, which its Debian package brings where it is missing. */
export async function program(name: string, debianPackage: string): Promise<string> {
  const found = findProgram(name)
  if (found !== undefined) return found
  await ensureInstalled(debianPackage)
  const installed = findProgram(name)
  if (installed === undefined) throw new Error(`${name}: the package ${debianPackage} did not bring it`)
  return installed
}
