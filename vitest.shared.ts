import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Conformance runs are the longest files and among the smallest, which a first run would leave to the end, where one core then waits for the other. */
class ConformanceFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isConformance = (file: TestSpecification): boolean => file.moduleId.endsWith('conformance.test.ts')
    return [...sorted.filter(isConformance), ...sorted.filter((file) => !isConformance(file))]
  }
}

/** The test configuration of every package: sources instead of builds, a JSON report for the closing count. */
export function packageTests(overrides: NonNullable<ViteUserConfig['test']> = {}): ViteUserConfig {
  return defineConfig({
    // Node is started with these too: `import` among them would have dependencies in CommonJS `require` the wrappers that others are for those who import.
    ssr: { resolve: { conditions: ['@aether/source', 'node'] } },
    test: {
      include: ['test/**/*.test.ts'],
      testTimeout: 20_000,
      hookTimeout: 20_000,
      pool: 'forks',
      maxWorkers: 2,
      sequence: { sequencer: ConformanceFirst },
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
