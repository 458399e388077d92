import { createEngine } from '@aether/engine'

// A shell around the engine: here it prints. Effects come while a command runs; what they cause comes after it.
const engine = createEngine<string, string, string, string>(
  { clock: performance, random: Math.random },
  {
    deliver: (lease) =>
      console.log(`${lease.owner} gets ${lease.tid}, attempt ${lease.attempt}: ${lease.body}`),
    revoke: (lease, reason) => console.log(`${lease.owner} loses ${lease.tid}: ${reason}`),
    settled: (watcher, { tid, outcome, result }) =>
      console.log(`${watcher} learns: ${tid} ${outcome}, ${result}`),
    completed: () => undefined,
    deadLettered: (letter) => console.log(`dead: ${letter.tid}`),
  },
)
const task = {
  workgroup: 'workers',
  bytes: 5,
  priority: 0,
  delayMs: 0,
  ttlMs: 0,
  deadlineMs: 60_000,
  attempts: 3,
  waitForWorkers: true,
}

engine.send('shop/image/resize/x', { ...task, tid: 'task-1', body: 'a.png' }, 'client')
engine.consume({
  filter: 'shop/image/resize/+',
  workgroup: 'workers',
  credit: 1,
  leaseMs: 30_000,
  owner: 'worker-1',
})
engine.consume({
  filter: 'shop/image/resize/+',
  workgroup: 'workers',
  credit: 1,
  leaseMs: 30_000,
  owner: 'worker-2',
})
engine.disconnect('worker-1')
console.log(engine.ack(1, 'worker-1', 'succeed', 'too late'))
console.log(engine.ack(2, 'worker-2', 'succeed', 'a.small.png'))
