import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkArchitecture } from '../../src/architecture/check-architecture.ts'
import { fixtureWorkspace, manifest, type Files } from '../fixture-workspace.ts'

const any = 'workspace:^'

/** A small workspace that keeps every rule. */
const sound: Files = {
  'packages/wire/package.json': manifest('@aether/wire'),
  'packages/wire/src/index.ts': `import { connect } from 'node:net'\nexport { connect }`,
  'packages/engine/package.json': manifest('@aether/engine', { devDependencies: { vitest: '4' } }),
  'packages/engine/src/index.ts': `export * from './queue.ts'`,
  'packages/engine/src/queue.ts': `export const queue = []`,
  'packages/engine/test/queue.test.ts': `import { it } from 'vitest'\nimport { readFileSync } from 'node:fs'\nimport { queue } from '../src/queue.ts'`,
  'packages/core/package.json': manifest('@aether/core', {
    dependencies: { 'lru-cache': '11' },
    peerDependencies: { msgpackr: '2' },
  }),
  'packages/core/src/index.ts': `import { LRUCache } from 'lru-cache'\nconst packr = await import('msgpackr')`,
  'packages/testing/package.json': manifest('@aether/testing', { dependencies: { '@aether/core': any } }),
  'packages/testing/src/index.ts': `import type { Transport } from '@aether/core'`,
  'packages/transport-memory/package.json': manifest('@aether/transport-memory', {
    dependencies: { '@aether/core': any, '@aether/engine': any },
    devDependencies: { '@aether/testing': any },
  }),
  'packages/transport-memory/src/index.ts': `import '@aether/core'\nimport '@aether/engine'`,
  'packages/transport-memory/test/conformance.test.ts': `import '@aether/testing'`,
  'packages/transport-tcp/package.json': manifest('@aether/transport-tcp', {
    dependencies: { '@aether/core': any, '@aether/wire': any },
    devDependencies: { '@aether/broker': any, '@aether/services': any },
  }),
  'packages/transport-tcp/src/index.ts': `export type { Route } from '@aether/core'`,
  'packages/transport-tcp/test/conformance.test.ts': `import '@aether/services'`,
  'packages/broker/package.json': manifest('@aether/broker', {
    dependencies: { '@aether/wire': any, '@aether/engine': any },
  }),
  'packages/broker/src/index.ts': `import '@aether/wire'`,
  'apps/worker/package.json': manifest('@aether/worker', {
    private: true,
    dependencies: { '@aether/core': any, '@aether/transport-tcp': any },
  }),
  'apps/worker/src/main.ts': `import '@aether/transport-tcp'`,
  'tools/bench/package.json': manifest('@aether/bench', {
    private: true,
    dependencies: { '@aether/broker': any, '@aether/services': any },
  }),
  'tools/bench/src/main.ts': `import '@aether/broker'\nimport '@aether/services'`,
  'tools/services/package.json': manifest('@aether/services', { private: true }),
  'tools/services/src/index.ts': `import 'node:child_process'`,
}

interface Break {
  readonly what: string
  readonly rule: string
  readonly file: string
  readonly message: string
  readonly files: Files
}

const breaks: readonly Break[] = [
  {
    what: 'a package that the table does not know',
    rule: 'listed',
    file: 'packages/extra/package.json',
    message: '@aether/extra has no line',
    files: { 'packages/extra/package.json': manifest('@aether/extra') },
  },
  {
    what: 'a declared dependency against the arrows',
    rule: 'arrows',
    file: 'packages/broker/package.json',
    message: '@aether/broker needs @aether/core: it may need only @aether/wire, @aether/engine',
    files: {
      'packages/broker/package.json': manifest('@aether/broker', { dependencies: { '@aether/core': any } }),
    },
  },
  {
    what: 'an import against the arrows, in a type alone',
    rule: 'arrows',
    file: 'packages/core/src/deep/file.ts:2',
    message: 'imports "@aether/engine": @aether/core needs @aether/engine: it may need no other package',
    files: { 'packages/core/src/deep/file.ts': `\nexport type Engine = import('@aether/engine').Engine` },
  },
  {
    what: 'an app that reaches past its transports',
    rule: 'arrows',
    file: 'apps/worker/src/broker.ts:1',
    message: '@aether/worker needs @aether/engine',
    files: { 'apps/worker/src/broker.ts': `export { queue } from '@aether/engine'` },
  },
  {
    what: 'a transport that declares another',
    rule: 'transports',
    file: 'packages/transport-tcp/package.json',
    message: 'transports never use each other',
    files: {
      'packages/transport-tcp/package.json': manifest('@aether/transport-tcp', {
        dependencies: { '@aether/core': any, '@aether/transport-memory': any },
      }),
    },
  },
  {
    what: 'a transport that imports another',
    rule: 'transports',
    file: 'packages/transport-memory/src/fallback.ts:1',
    message: 'imports "@aether/transport-tcp"',
    files: {
      'packages/transport-memory/src/fallback.ts': `const tcp = await import('@aether/transport-tcp')`,
    },
  },
  {
    what: 'a dependency of a package that installs nothing',
    rule: 'no-dependencies',
    file: 'packages/engine/package.json',
    message: '@aether/engine must install nothing, yet it needs lru-cache',
    files: {
      'packages/engine/package.json': manifest('@aether/engine', { dependencies: { 'lru-cache': '11' } }),
    },
  },
  {
    what: 'a peer of a package that installs nothing',
    rule: 'no-dependencies',
    file: 'packages/wire/package.json',
    message: 'needs ws',
    files: { 'packages/wire/package.json': manifest('@aether/wire', { peerDependencies: { ws: '8' } }) },
  },
  {
    what: 'a module of Node in the pure engine',
    rule: 'pure',
    file: 'packages/engine/src/timer.ts:1',
    message: 'imports "node:timers"',
    files: { 'packages/engine/src/timer.ts': `import { setTimeout } from 'node:timers'` },
  },
  {
    what: 'the test package as a dependency',
    rule: 'testing',
    file: 'packages/transport-memory/package.json',
    message: 'it may only be a devDependency',
    files: {
      'packages/transport-memory/package.json': manifest('@aether/transport-memory', {
        dependencies: { '@aether/core': any, '@aether/engine': any, '@aether/testing': any },
      }),
    },
  },
  {
    what: 'the test package in sources',
    rule: 'testing',
    file: 'packages/transport-memory/src/probe.ts:1',
    message: 'imports "@aether/testing": only tests may',
    files: { 'packages/transport-memory/src/probe.ts': `import '@aether/testing'` },
  },
  {
    what: 'a tool as a dependency, be it for development',
    rule: 'tools',
    file: 'packages/broker/package.json',
    message: 'depends on @aether/bench: nothing but a tool uses a tool',
    files: {
      'packages/broker/package.json': manifest('@aether/broker', {
        dependencies: { '@aether/wire': any, '@aether/engine': any },
        devDependencies: { '@aether/bench': any },
      }),
    },
  },
  {
    what: 'the tool that starts servers as more than a devDependency',
    rule: 'tools',
    file: 'packages/broker/package.json',
    message: 'needs @aether/services when it runs: only its tests may start servers',
    files: {
      'packages/broker/package.json': manifest('@aether/broker', {
        dependencies: { '@aether/wire': any, '@aether/engine': any, '@aether/services': any },
      }),
    },
  },
  {
    what: 'the tool that starts servers in sources',
    rule: 'tools',
    file: 'packages/transport-tcp/src/probe.ts:1',
    message: 'imports "@aether/services": only tests may start servers',
    files: { 'packages/transport-tcp/src/probe.ts': `import '@aether/services'` },
  },
  {
    what: 'a tool in an import of a test',
    rule: 'tools',
    file: 'packages/core/test/speed.test.ts:1',
    message: 'imports "@aether/bench": nothing but a tool uses a tool',
    files: { 'packages/core/test/speed.test.ts': `import '@aether/bench'` },
  },
  {
    what: 'a package that knows an app',
    rule: 'apps',
    file: 'packages/broker/package.json',
    message: 'depends on @aether/worker: a package knows no app',
    files: {
      'packages/broker/package.json': manifest('@aether/broker', {
        dependencies: { '@aether/wire': any, '@aether/engine': any },
        devDependencies: { '@aether/worker': any },
      }),
    },
  },
  {
    what: 'an import that is declared nowhere',
    rule: 'declared',
    file: 'packages/core/src/log.ts:1',
    message:
      'imports "pino/file", and pino is not in the dependencies or peerDependencies of packages/core/package.json',
    files: { 'packages/core/src/log.ts': `import pino from 'pino/file'` },
  },
  {
    what: 'a devDependency in sources',
    rule: 'declared',
    file: 'packages/engine/src/probe.ts:1',
    message: 'imports "vitest"',
    files: { 'packages/engine/src/probe.ts': `export { it } from 'vitest'` },
  },
  {
    what: 'an undeclared import in a test',
    rule: 'declared',
    file: 'packages/wire/test/frame.test.ts:1',
    message: 'fast-check is not in the devDependencies of packages/wire/package.json',
    files: { 'packages/wire/test/frame.test.ts': `import fc from 'fast-check'` },
  },
  {
    what: 'a relative import into another package',
    rule: 'relative',
    file: 'packages/broker/src/shortcut.ts:1',
    message: 'imports "../../wire/src/index.ts", outside packages/broker',
    files: { 'packages/broker/src/shortcut.ts': `import '../../wire/src/index.ts'` },
  },
  {
    what: 'a source that imports a test',
    rule: 'relative',
    file: 'packages/wire/src/probe.ts:1',
    message: 'outside src',
    files: { 'packages/wire/src/probe.ts': `import '../test/probe.ts'`, 'packages/wire/test/probe.ts': '' },
  },
  {
    what: 'a file behind the exports of a package',
    rule: 'exports',
    file: 'packages/broker/src/inside.ts:1',
    message: 'imports "@aether/engine/src/queue.ts", which @aether/engine does not export',
    files: { 'packages/broker/src/inside.ts': `import '@aether/engine/src/queue.ts'` },
  },
]

describe('checkArchitecture', () => {
  it('accepts a workspace that keeps the rules', () => {
    expect(checkArchitecture(fixtureWorkspace(sound))).toEqual([])
  })

  it.each(breaks)('refuses $what', ({ rule, file, message, files }) => {
    const findings = checkArchitecture(fixtureWorkspace({ ...sound, ...files }))
    expect(findings).toContainEqual({ rule, file, message: expect.stringContaining(message) as string })
  })

  it('refuses a file that does not parse instead of skipping it', () => {
    const root = fixtureWorkspace({ ...sound, 'packages/core/src/broken.ts': `import from from` })
    expect(() => checkArchitecture(root)).toThrow(join(root, 'packages/core/src/broken.ts'))
  })

  it('has a broken workspace for each of its rules', () => {
    const rules = [
      'apps',
      'arrows',
      'declared',
      'exports',
      'listed',
      'no-dependencies',
      'pure',
      'relative',
      'testing',
      'tools',
      'transports',
    ]
    expect([...new Set(breaks.map((each) => each.rule))].sort()).toEqual(rules)
  })
})
