import { AetherMagic, signal } from './aether.ts'

const { REDIS_PORT = '6379' } = process.env
const [one, other] = [1, 2].map(
  () => new AetherMagic({ protocol_type: 'redis', host: 'localhost', port: Number(REDIS_PORT) }),
) as [InstanceType<typeof AetherMagic>, InstanceType<typeof AetherMagic>]

// Without shared, everyone who added it so gets it
for (const each of [one, other]) {
  await each.add_task({
    job: 'config',
    task: 'reload',
    context: 'demo',
    callback: (_ae_task, data) => console.log('reload:', data),
  })
}

await one.perform_task({ job: 'config', task: 'reload', context: 'demo', data: { version: 2 } })
await Promise.all([one.main({ signal }), other.main({ signal })])
