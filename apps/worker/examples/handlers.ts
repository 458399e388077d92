import type { RegisterHandlers } from '@aether/worker'

import { greet } from './greeting.ts'

// AETHER_URL=tcp://127.0.0.1:7411 AETHER_HANDLERS='["./examples/handlers.ts", "builtin:text/stats"]' aether-worker
// From Node 22.18 on as it stands; older ones are given what tsc made of it.
export const register: RegisterHandlers = (worker, { options: { word = 'Hello' }, logger }) => {
  worker.handle(greet, (name, ctx) => {
    logger.info('greeting', { attempt: ctx.attempt })
    return `${String(word)}, ${name}!`
  })
}
