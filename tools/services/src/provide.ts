import { ensureInstalled } from './install/ensure-installed.ts'
import { findProgram } from './process/find-program.ts'
import { missingForPython } from './python-path.ts'

/** Programs that the tests of this workspace start, and the Debian packages that bring them. */
const programs: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  mosquitto: 'mosquitto',
  'nats-server': 'nats-server',
  openssl: 'openssl',
}

/** Resolves when everything that the tests start is installed; otherwise rejects with the command that installs it. */
export async function provide(): Promise<void> {
  const missing = Object.entries(programs).filter(([name]) => findProgram(name) === undefined)
  const packages = [...missing.map(([, debian]) => debian), ...(await missingForPython(['paho.mqtt.client']))]
  await ensureInstalled(...new Set(packages))
}
