import * as z from 'zod'
import type { BackendChange, BackendOptions } from '../backends/backend.ts'
import { anything, count, type Field, flag, number, section, text, texts } from './fields.ts'

interface QuantumCapable {
  readonly quantumCapable?: boolean
}

const changes: Readonly<Record<string, Field<BackendChange>>> = {
  weight: ['weight', number('a number above 0 and at most 1000000000', { min: 0, above: true, max: 1e9 })],
  max_connections: ['maxConnections', count],
  priority: [
    'priority',
    number('an integer from -1000000 to 1000000', { min: -1_000_000, max: 1_000_000, integer: true }),
  ],
  zone: ['zone', text],
  group: ['group', text],
  capabilities: ['capabilities', texts],
  metadata: ['metadata', anything],
}
const quantum: Readonly<Record<string, Field<QuantumCapable>>> = { quantum_capable: ['quantumCapable', flag] }

const place: Readonly<Record<string, Field<BackendOptions>>> = {
  host: ['host', text, 'required'],
  port: ['port', number('an integer from 1 to 65535', { min: 1, max: 65_535, integer: true }), 'required'],
}

/** A backend in the words of the document; `quantum_capable` adds the capability `quantum`. */
export const backend: z.ZodType<BackendOptions> = section<BackendOptions & QuantumCapable>({
  id: ['id', text],
  ...place,
  hostname: ['hostname', text],
  ...changes,
  ...quantum,
}).transform(withQuantum)

/** The backends of a name: their ids follow from it. */
export const namedBackend: z.ZodType<BackendOptions> = section<BackendOptions & QuantumCapable>({
  ...place,
  ...changes,
  ...quantum,
}).transform(withQuantum)

function withQuantum({
  quantumCapable = false,
  ...options
}: BackendOptions & QuantumCapable): BackendOptions {
  if (!quantumCapable) return options
  return { ...options, capabilities: [...new Set([...(options.capabilities ?? []), 'quantum'])] }
}

/** What may be changed in place. Capabilities are given whole: `quantum_capable` would not say what becomes of the others. */
export const backendChange: z.ZodType<BackendChange> = section<BackendChange>({
  ...changes,
  zone: ['zone', text.nullable()],
  group: ['group', text.nullable()],
})

/** What no schema knows of them, such as ids that stand twice, is checked by who reads them. */
export const backends: z.ZodType<readonly BackendOptions[]> = z.array(backend, 'a list of backends')
