import { AetherError } from '../errors.ts'
import type { Call, Middleware } from './middleware.ts'

/** Runs `chain` from outside in around `innermost`; rejects where one of them throws, also at once. */
export function runChain(
  chain: readonly Middleware[],
  call: Call,
  innermost: () => Promise<unknown>,
): Promise<unknown> {
  const step = async (index: number): Promise<unknown> => {
    const middleware = chain[index]
    if (middleware === undefined) return innermost()
    let isCalled = false
    return middleware(call, () => {
      if (isCalled) return Promise.reject(calledTwice(call))
      isCalled = true
      return step(index + 1)
    })
  }
  return step(0)
}

function calledTwice(call: Call): AetherError {
  return new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `a middleware called next() twice for task ${call.tid}`,
    {
      detail: { tid: call.tid, side: call.side },
    },
  )
}
