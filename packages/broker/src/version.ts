import { createRequire } from 'node:module'

/** Of this package, as WELCOME says it. */
export const version: string = (
  createRequire(import.meta.url)('../package.json') as { readonly version: string }
).version
