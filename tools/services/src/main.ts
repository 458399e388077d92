import process from 'node:process'
import { NotInstalled } from './install/installer.ts'
import { provide } from './provide.ts'

// `npm test` runs this before the tests, so that none of them waits for a download.
provide().catch((error: unknown) => {
  process.stderr.write(`${error instanceof NotInstalled ? error.message : String(error)}\n`)
  process.exitCode = 1
})
