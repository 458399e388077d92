/** What a worker's process makes in the tests of `spawnWorkerProcess`: a transport to a hub of its own. */
import type { Transport } from '@aether/core'

import { everythingDeclared } from './reference-environment.ts'
import { ReferenceHub } from './reference-hub.ts'
import { ReferenceTransport } from './reference-transport.ts'

export function createTransport(options: unknown): Transport {
  const { broken } = options as { readonly broken?: string }
  if (broken !== undefined) throw new Error(broken)
  const hub = new ReferenceHub({ maxQueued: 10, resultTtlMs: 1_000, groupTtlMs: 1_000 }, undefined)
  return new ReferenceTransport(everythingDeclared, { hub, isUp: true, isStalled: false, delayMs: 0 }, {})
}
