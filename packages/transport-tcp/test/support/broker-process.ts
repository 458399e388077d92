/** A broker in a process of its own, told over IPC what to do: for tests that kill and freeze it. */
import process from 'node:process'
import { type Broker, type BrokerOptions, createBroker } from '@aether/broker'

export type BrokerCommand =
  | { readonly id: number; readonly type: 'start'; readonly options: BrokerOptions }
  | { readonly id: number; readonly type: 'stop' }
  | { readonly id: number; readonly type: 'deadLetters' }

export interface BrokerAnswer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

let broker: Broker | undefined

async function handle(command: BrokerCommand): Promise<unknown> {
  switch (command.type) {
    case 'start': {
      broker = createBroker(command.options)
      await broker.start()
      return broker.address.port
    }
    case 'stop': {
      await broker?.close({ signal: AbortSignal.abort() })
      broker = undefined
      return undefined
    }
    default:
      return broker?.deadLetters().map(({ tid }) => tid) ?? []
  }
}

process.on('message', (command: BrokerCommand) => {
  handle(command).then(
    (value) => process.send?.({ id: command.id, value }),
    (error: unknown) => process.send?.({ id: command.id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })
