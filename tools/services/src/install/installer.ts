import { execFile } from 'node:child_process'
import { installScript } from './install-script.ts'

/** Where an installation happens: everything that a test replaces. */
export interface InstallerOptions {
  /** @default the user of this process */
  readonly uid?: number
  /** @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
  /** @default '/usr/sbin/policy-rc.d' */
  readonly policyPath?: string
  /** @default '/etc/init.d' */
  readonly servicesPath?: string
  /** One process at a time installs: the others find what it left. @default '/run/lock/aether-services.lock' */
  readonly lockPath?: string
}

interface Outcome {
  readonly code: number
  readonly output: string
}

/** Packages are missing and this process may not install them; the message holds the command that does. */
export class NotInstalled extends Error {}

export async function installPackages(
  packages: readonly string[],
  options: InstallerOptions = {},
): Promise<void> {
  const env = options.env ?? process.env
  const missing = await missingPackages(packages, env)
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  const sudo = (options.uid ?? process.getuid?.()) === 0 ? [] : ['sudo', '-n']
  if ((await run(['apt-get', '--version'], env)).code === notFound)
    throw new NotInstalled(
      `${missing.join(', ')}: not installed, and this system has no apt-get. On Debian: ${command}`,
    )
  if (sudo.length > 0 && (await run(['sudo', '-n', 'true'], env)).code !== 0)
    throw new NotInstalled(`${missing.join(', ')}: not installed. This command does it: sudo ${command}`)
  const paths = [options.policyPath ?? '/usr/sbin/policy-rc.d', options.servicesPath ?? '/etc/init.d']
  const script = ['sh', '-c', installScript, 'install', ...paths]
  const lock = ['flock', options.lockPath ?? '/run/lock/aether-services.lock']
  const { code, output } = await run([...sudo, ...lock, ...script, ...missing], env)
  if (code === 0 && (await missingPackages(missing, env)).length === 0) return
  const tail = output.trim().split('\n').slice(-12).join('\n')
  throw new NotInstalled(
    `${missing.join(', ')}: could not be installed. This command shows why: ${sudo.length > 0 ? 'sudo ' : ''}${command}\n${tail}`,
  )
}

async function missingPackages(
  packages: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const found = await Promise.all(
    packages.map(async (name) => {
      const { code, output } = await run(['dpkg-query', '-W', '-f', '${db:Status-Status}', name], env)
      return code === 0 && output === 'installed'
    }),
  )
  return packages.filter((_, index) => !found[index])
}

/** As a shell has it. */
const notFound = 127

function run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const [program = '', ...args] = command
  return new Promise((resolve) => {
    execFile(program, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, output: stdout })
      else if (error.code === 'ENOENT') resolve({ code: notFound, output: `${program}: not found` })
      else resolve({ code: typeof error.code === 'number' ? error.code : 1, output: stdout + stderr })
    })
  })
}
