// Stands for what an author of a transport brings along: an engine, transports to it, and what they can do.
import type { EnvironmentOptions } from '@aether/testing'

import { everythingDeclared, referenceOptions } from '../test/support/reference-environment.ts'

export const myCapabilities = everythingDeclared

export function startMyEngine(limits: EnvironmentOptions) {
  return referenceOptions(myCapabilities).create(limits)
}
