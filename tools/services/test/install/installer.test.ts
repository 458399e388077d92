import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { installPackages, type InstallerOptions, NotInstalled } from '../../src/install/installer.ts'

/** A system whose package manager writes down what it was asked, with nothing in its PATH but what is put there. */
let folder = ''
let system: Required<InstallerOptions>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aether-installer-'))
  await mkdir(join(folder, 'installed'))
  await mkdir(join(folder, 'services'))
  for (const name of ['sh', 'flock', 'grep', 'rm', 'chmod', 'cat', 'touch', 'sleep', 'true']) {
    const path = ['/usr/bin', '/bin'].map((bin) => join(bin, name)).find((file) => existsSync(file))
    await symlink(path ?? expect.fail(`no ${name} here`), join(folder, name))
  }
  await addProgram('dpkg-query', '[ -e "$HERE/installed/$4" ] || exit 1\nprintf installed')
  await addProgram('apt-cache', '[ -e "$HERE/lists" ]')
  await addProgram(
    'apt-get',
    `case "$*" in
      --version) ;;
      *update) echo update >> "$HERE/asked"; touch "$HERE/lists" ;;
      *) echo "$*, $DEBIAN_FRONTEND, policy $(cat "$POLICY")" >> "$HERE/asked"
         [ ! -e "$HERE/broken" ] || { echo 'E: Unable to locate package'; exit 100; }
         sleep 0.1
         for name in "$@"; do case "$name" in -*|*=*|install) ;; *) touch "$HERE/installed/$name" ;; esac; done ;;
    esac`,
  )
  system = {
    uid: 0,
    env: { PATH: folder, HERE: folder, POLICY: join(folder, 'policy') },
    policyPath: join(folder, 'policy'),
    servicesPath: join(folder, 'services'),
    lockPath: join(folder, 'lock'),
  }
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function addProgram(name: string, body: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`)
  await chmod(join(folder, name), 0o755)
}

async function asked(): Promise<readonly string[]> {
  const text = existsSync(join(folder, 'asked')) ? await readFile(join(folder, 'asked'), 'utf8') : ''
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

it('asks for nothing that is there', async () => {
  await writeFile(join(folder, 'installed', 'redis-server'), '')
  await installPackages(['redis-server'], system)
  expect(await asked()).toEqual([])
})

it('as root installs what is missing, reading the lists of packages only where they lack it, and lets no service start', async () => {
  await installPackages(['redis-server'], system)
  const [first, second, third] = await asked()
  expect(first).toBe('update')
  expect(second).toMatch(
    /^-q -o DPkg::Lock::Timeout=\d+ install -y --no-install-recommends redis-server, noninteractive, policy #!/,
  )
  expect(third).toBe('exit 101')
  expect(existsSync(system.policyPath)).toBe(false)

  await installPackages(['mosquitto'], system)
  expect((await asked()).filter((line) => line === 'update')).toHaveLength(1)
})

it('leaves a policy that was there as it was, and takes over one that a killed installation left', async () => {
  await writeFile(system.policyPath, 'exit 104\n')
  await installPackages(['redis-server'], system)
  expect(await readFile(system.policyPath, 'utf8')).toBe('exit 104\n')

  await writeFile(
    system.policyPath,
    '#!/bin/sh\n# Stands here only while the Aether workspace installs servers for its tests.\nexit 101\n',
  )
  await installPackages(['mosquitto'], system)
  expect(existsSync(system.policyPath)).toBe(false)
})

it('stops the service of a new package where a foreign policy let it start, also for the next boot', async () => {
  await addProgram('invoke-rc.d', 'echo "invoke $*" >> "$HERE/asked"')
  await addProgram('update-rc.d', 'echo "update-rc $*" >> "$HERE/asked"')
  await writeFile(system.policyPath, 'exit 104\n')
  for (const name of ['redis-server', 'mosquitto']) await writeFile(join(system.servicesPath, name), '')
  await writeFile(join(folder, 'installed', 'mosquitto'), '')
  await installPackages(['redis-server', 'openssl', 'mosquitto'], system)
  expect((await asked()).filter((line) => line.includes('rc '))).toEqual(['update-rc redis-server disable'])
  expect((await asked()).filter((line) => line.includes('invoke'))).toEqual([
    'invoke --quiet redis-server stop',
  ])
})

it('installs a package once when several ask at the same time', async () => {
  await Promise.all(Array.from({ length: 5 }, () => installPackages(['redis-server'], system)))
  expect((await asked()).filter((line) => line.includes('install'))).toHaveLength(1)
})

it('shows the command and what apt said where it fails, and leaves no policy behind', async () => {
  await writeFile(join(folder, 'broken'), '')
  const failure = await installPackages(['redis-server'], system).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(NotInstalled)
  expect(String(failure)).toContain('apt-get install -y --no-install-recommends redis-server')
  expect(String(failure)).toContain('Unable to locate package')
  expect(existsSync(system.policyPath)).toBe(false)
})

it('as another user goes through sudo where that asks for no password', async () => {
  await addProgram('sudo', 'echo sudo >> "$HERE/asked"\nshift\nexec "$@"')
  await installPackages(['redis-server'], { ...system, uid: 1000 })
  expect(existsSync(join(folder, 'installed', 'redis-server'))).toBe(true)
  expect((await asked())[0]).toBe('sudo')
})

it('as another user without sudo says which command does it, and touches nothing', async () => {
  const failure = installPackages(['redis-server', 'mosquitto'], { ...system, uid: 1000 })
  await expect(failure).rejects.toThrow(
    'sudo apt-get install -y --no-install-recommends redis-server mosquitto',
  )
  await addProgram('sudo', 'echo "sudo: a password is required" >&2; exit 1')
  await expect(installPackages(['redis-server'], { ...system, uid: 1000 })).rejects.toBeInstanceOf(
    NotInstalled,
  )
  expect(await asked()).toEqual([])
})

it('names the packages where there is no apt', async () => {
  await rm(join(folder, 'apt-get'))
  await rm(join(folder, 'dpkg-query'))
  await expect(installPackages(['redis-server'], system)).rejects.toThrow(
    'redis-server: not installed, and this system has no apt-get. On Debian: apt-get install',
  )
})
