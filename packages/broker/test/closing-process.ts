import process from 'node:process'
import { connect, createBroker } from '@aether/broker'
import { TaskClient } from './task-client.ts'

// Everything that could leave something behind: a task in a worker's hands, a request without an answer, a delayed task, subscriptions.
const broker = createBroker({ port: 0, heartbeatMs: 50 })
await broker.start()
const [one, two] = [await connect(broker.url), await connect(broker.url)]
const tasks = new TaskClient(one)
await tasks.hold()
await tasks.send()
await tasks.send({ delayMs: 60_000, deadlineMs: 90_000 })
await two.subscribe('#')
await two.serve('never', () => new Promise(() => {}))
const asked = one.request('never', new Uint8Array(1)).catch(() => {})
await broker.close({ signal: AbortSignal.timeout(50) })
await Promise.all([one.close(), two.close(), asked])
// The pipe of stdout is this process's own.
const left = process
  .getActiveResourcesInfo()
  .filter((name) => !name.startsWith('Pipe') && !name.startsWith('TTY'))
process.stdout.write(`closed ${JSON.stringify(left.filter((name) => name !== 'CloseReq'))}\n`)
