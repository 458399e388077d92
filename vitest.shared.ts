import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** The test configuration of every package: sources instead of builds, a JSON report for the closing count. */
export function packageTests(overrides: NonNullable<ViteUserConfig['test']> = {}): ViteUserConfig {
  return defineConfig({
    ssr: { resolve: { conditions: ['@aether/source', 'node', 'import', 'module', 'default'] } },
    test: {
      include: ['test/**/*.test.ts'],
      testTimeout: 20_000,
      hookTimeout: 20_000,
      pool: 'forks',
      maxWorkers: 2,
      reporters: ['default', 'json'],
      outputFile: { json: '.reports/vitest.json' },
      ...overrides,
    },
  })
}

/** For packages whose tests start servers: brings those that are missing, or says which command does, before the first test. */
export const withServers: NonNullable<ViteUserConfig['test']> = {
  globalSetup: fileURLToPath(new URL('./tools/services/src/vitest-setup.ts', import.meta.url)),
}
