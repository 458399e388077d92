import { connect } from 'node:net'
import type { Probe } from './probe.ts'

/** Healthy once a connection stands; nothing is sent. */
export function tcpProbe(): Probe {
  return (backend, signal) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host: backend.host, port: backend.port, signal })
      // For its whole life: a reset may come after the connection stood.
      socket.on('error', reject)
      socket.once('connect', () => {
        socket.destroy()
        resolve()
      })
    })
}
