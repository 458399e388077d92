import { type Job, Queue, QueueEvents, Worker } from 'bullmq'
import type { Contender, TaskClient, TaskInput, TaskOutput } from '../contender.ts'

const queueName = 'bench'

interface Waiting {
  readonly resolve: (output: TaskOutput) => void
  readonly onProgress: (() => void) | undefined
}

async function tasks(url: string, seat: 'client' | 'worker', concurrency: number): Promise<TaskClient> {
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null }
  if (seat === 'worker') return worker(connection, concurrency)
  const queue = new Queue<TaskInput, TaskOutput>(queueName, { connection })
  const events = new QueueEvents(queueName, { connection })
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()])
  // One listener for all jobs: cheaper for BullMQ than waitUntilFinished, and safe with removed jobs.
  const waiting = new Map<string, Waiting>()
  events.on('completed', ({ jobId, returnvalue }) => {
    waiting.get(jobId)?.resolve(returnvalue)
    waiting.delete(jobId)
  })
  events.on('progress', ({ jobId }) => waiting.get(jobId)?.onProgress?.())
  let next = 0
  return {
    perform: (input, onProgress) =>
      new Promise((resolve, reject) => {
        const jobId = `job-${process.pid}-${++next}`
        waiting.set(jobId, { resolve, onProgress })
        queue.add('task', input, { jobId, removeOnComplete: { count: 1000 } }).catch(reject)
      }),
    work: async () => undefined,
    async close() {
      await events.close()
      await queue.close()
    },
  }
}

async function worker(connection: object, concurrency: number): Promise<TaskClient> {
  const bull = new Worker<TaskInput, TaskOutput>(
    queueName,
    async (job: Job<TaskInput, TaskOutput>) => {
      for (let step = 1; step <= job.data.steps; step++) await job.updateProgress(step * 10)
      return { n: job.data.n, length: job.data.text.length }
    },
    { connection, concurrency },
  )
  await bull.waitUntilReady()
  return {
    perform: () => Promise.reject(new Error('a worker performs nothing')),
    work: async () => undefined,
    close: () => bull.close(),
  }
}

export const bullmq: Contender = { name: 'bullmq', server: 'redis', packages: ['bullmq', 'ioredis'], tasks }
