import { installPackages } from './installer.ts'

const known = new Set<string>()

/**
 * Resolves when these Debian packages are installed. As root, or where `sudo` asks for no password, it installs what is missing, without starting any
 * service; several processes may call it at once. Otherwise it rejects with the command that does it.
 */
export async function ensureInstalled(...debianPackages: string[]): Promise<void> {
  const unknown = debianPackages.filter((name) => !known.has(name))
  if (unknown.length === 0) return
  await installPackages(unknown)
  for (const name of unknown) known.add(name)
}
