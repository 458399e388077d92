import { readFile } from 'node:fs/promises'
import { createBalancer } from '@aether/lb'
import { readConfig } from '@aether/lb/config'
import { prometheusMetrics } from '@aether/lb/prometheus'

const file = new URL('lb.yaml', import.meta.url)
const { options, backends } = readConfig(await readFile(file, 'utf8'))
const lb = createBalancer(options)
for (const backend of backends) lb.add(backend)

// The same session comes back to the same backend.
const where = async (): Promise<string> =>
  (await lb.route({ sessionId: 'ann' }, ({ backend }) => backend.id)).value
console.log(`sticky: ${(await where()) === (await where())}`)

// A slot for a transport of your own.
const lease = lb.pick()
lease.done('ok')

// By name, with plain data: for remote control.
const { picks } = await lb.execute({ operation: 'explain' })
console.log(`picks explained: ${(picks as unknown[]).length}`)

const registry = prometheusMetrics(lb)
const text = await registry.metrics()
console.log(text.split('\n').find((line) => line.startsWith('aether_lb_requests_total')))

await lb.close()
