/** Vitest runs `setup` once, before the first test and without a limit of time: an installation is longer than the patience of a test. */
export { provide as setup } from './provide.ts'
