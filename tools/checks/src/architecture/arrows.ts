/**
 * Which workspace packages each package may need when it runs: the arrows of ARCHITECTURE.md, for packages that exist and those to come.
 * Tests are freer, see `check-architecture.ts`; tools may use everything and nothing else uses them, but for tests that start servers.
 */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  '@aether/wire': [],
  '@aether/engine': [],
  '@aether/core': [],
  '@aether/testing': ['@aether/core'],
  '@aether/transport-memory': ['@aether/core', '@aether/engine'],
  '@aether/transport-tcp': ['@aether/core', '@aether/wire'],
  '@aether/transport-ws': ['@aether/core', '@aether/wire'],
  '@aether/transport-zeromq': ['@aether/core', '@aether/engine'],
  '@aether/transport-redis': ['@aether/core'],
  '@aether/transport-mqtt': ['@aether/core'],
  '@aether/transport-rabbitmq': ['@aether/core'],
  '@aether/transport-nats': ['@aether/core'],
  '@aether/broker': ['@aether/wire', '@aether/engine'],
  '@aether/broker-ws': ['@aether/broker', '@aether/wire', '@aether/engine'],
  '@aether/broker-mqtt': ['@aether/broker', '@aether/wire', '@aether/engine'],
  '@aether/lb': [],
  '@aether/gateway': ['@aether/core'],
  '@aether/aethermagic': ['@aether/core'],
  '@aether/cli': ['@aether/core', '@aether/transport-*'],
  '@aether/worker': ['@aether/core', '@aether/transport-*'],
  '@aether/proxy': ['@aether/lb'],
  '@aether/gateway-service': ['@aether/gateway', '@aether/core', '@aether/transport-*'],
}

/** Packages that nothing may be installed for: neither dependencies nor peers. */
export const withoutDependencies: readonly string[] = ['@aether/wire', '@aether/engine']

/** State machines: not even a module of Node, so that a simulation needs no sockets and no clock. */
export const pure: readonly string[] = ['@aether/engine']

/** Needed by authors of transports in their tests, never by what runs. */
export const onlyForTests: readonly string[] = ['@aether/testing']

/** The tool whose servers tests and other tools start; what is published knows nothing of it. */
export const servicesTool = '@aether/services'

export function isAllowed(from: string, to: string): boolean {
  return (arrows[from] ?? []).some((pattern) =>
    pattern.endsWith('*') ? to.startsWith(pattern.slice(0, -1)) : pattern === to,
  )
}

export function arrowRule(from: string, to: string): string {
  return isTransport(from) && isTransport(to) ? 'transports' : 'arrows'
}

export function arrowMessage(from: string, to: string): string {
  if (arrowRule(from, to) === 'transports') return `${from} needs ${to}: transports never use each other`
  const allowed = arrows[from] ?? []
  return `${from} needs ${to}: it may need ${allowed.length === 0 ? 'no other package' : `only ${allowed.join(', ')}`}`
}

function isTransport(name: string): boolean {
  return name.startsWith('@aether/transport-')
}
