import { execFile } from 'node:child_process'
import { findProgram } from './process/find-program.ts'
import { ensureInstalled } from './install/ensure-installed.ts'

/** Which Debian package has a module, by its first name. */
const packages: Readonly<Record<string, string>> = {
  paho: 'python3-paho-mqtt',
  redis: 'python3-redis',
}

/**
 * The path of a Python 3 that can import these modules (`paho.mqtt.client`). Debian's own comes first: the `python3` of the PATH may be another one, which
 * does not see Debian's packages. What is missing is installed from Debian, as `ensureInstalled` does it.
 */
export async function pythonPath(modules: readonly string[]): Promise<string> {
  await ensureInstalled(...(await missingForPython(modules)))
  const found = await findPython(modules)
  if (found === undefined) throw new Error(`no Python 3 here can import ${modules.join(', ')}`)
  return found
}

/** The Debian packages with which a Python 3 here can import these modules; none where one can already. */
export async function missingForPython(modules: readonly string[]): Promise<readonly string[]> {
  if ((await findPython(modules)) !== undefined) return []
  const needed = modules.map((module) => {
    const debian = packages[module.split('.', 1)[0] as string]
    if (debian === undefined)
      throw new Error(`the Debian package of the Python module ${module} is not known here`)
    return debian
  })
  return ['python3', ...new Set(needed)]
}

async function findPython(modules: readonly string[]): Promise<string | undefined> {
  const candidates = new Set(['/usr/bin/python3', findProgram('python3')])
  for (const path of candidates) if (path !== undefined && (await canImport(path, modules))) return path
  return undefined
}

function canImport(python: string, modules: readonly string[]): Promise<boolean> {
  const code = modules.map((module) => `import ${module}`).join('\n')
  return new Promise((resolve) => {
    execFile(python, ['-c', code], (error) => resolve(error === null))
  })
}
