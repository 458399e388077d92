import type { ServerMessage } from '../node-server.ts'

/** Tells the harness where this process listens, collects garbage when asked to, and ends when told to or when the harness is gone. */
export function serve(port: number, close: () => Promise<void>): void {
  const say = (message: ServerMessage): void => void process.send?.(message)
  process.on('message', (message) => {
    if (message !== 'gc') return
    // Twice: what the first pass finalizes, the second frees.
    globalThis.gc?.()
    setTimeout(() => {
      globalThis.gc?.()
      say({ kind: 'collected' })
    }, 200)
  })
  process.once('SIGTERM', () => void close().then(() => process.exit(0)))
  process.once('disconnect', () => process.exit(0))
  say({ kind: 'listening', port })
}
