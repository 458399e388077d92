import type { Suite } from './suite-case.ts'

/** Every suite, in the order of the capability matrix. */
export const suites: readonly Suite[] = []
