import { afterEach, expect } from 'vitest'
import { type Client, type ClientOptions, createClient, type TaskSend, WireError } from '../../src/index.ts'
import { ScriptBroker, type ScriptOptions } from './script-broker.ts'

const open: Client[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()))
})

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A client of a scripted broker, impatient, and closed after the test. */
export function made(broker: ScriptBroker, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({
    dial: broker.dial,
    backoff: { initialMs: 1, maxMs: 2 },
    connectTimeoutMs: 300,
    attemptTimeoutMs: 100,
    closeTimeoutMs: 50,
    ...options,
  })
  open.push(client)
  return client
}

export async function started(
  script: ScriptOptions = {},
  options: Partial<ClientOptions> = {},
): Promise<{ broker: ScriptBroker; client: Client }> {
  const broker = new ScriptBroker(script)
  const client = made(broker, options)
  await client.start()
  return { broker, client }
}

export async function rejection(promise: Promise<unknown>): Promise<WireError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(WireError)
  return error as WireError
}

export const generationOf = (client: Client): number =>
  client.state.status === 'ready' ? client.state.generation : 0

export const task = (tid: string, parts: Partial<TaskSend['fields']> = {}): TaskSend => ({
  route: 'u/j/t/x',
  deadlineAt: Date.now() + 60_000,
  fields: {
    tid,
    workgroup: 'workers',
    waitForWorkers: false,
    priority: 0,
    attempts: 1,
    ttlMs: 0,
    delayMs: 0,
    codec: 3,
    headers: undefined,
    body: bytes(tid),
    ...parts,
  },
})

/** A handler of runs that hears nothing. */
export const quiet = { onStatus: () => {}, onComplete: () => {}, onLost: () => {} }
