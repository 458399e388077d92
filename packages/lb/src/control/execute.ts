import { show } from '../check-options.ts'
import { LbError } from '../errors.ts'
import { reasonText } from '../reason-text.ts'
import { suggest } from '../unknown-name.ts'
import { backendOperations } from './backend-operations.ts'
import type { Run } from './define-operation.ts'
import type { ControlWorld, Operation, OperationResult } from './operation.ts'
import { requestOperations } from './request-operations.ts'
import { steeringOperations } from './steering-operations.ts'

const operations: ReadonlyMap<string, Run> = new Map(
  Object.entries({ ...steeringOperations, ...backendOperations, ...requestOperations }),
)

/** Every operation that `execute` takes, by name. */
export const operationNames: readonly string[] = [...operations.keys()]

/** Checks an operation and does it; `ERR_AETHER_OPERATION_INVALID` where there is none of that name. Never throws at once. */
export async function execute(world: ControlWorld, given: Operation): Promise<OperationResult> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid(`an operation must be an object with the key "operation", not ${show(given)}`)
  const { operation: name, ...fields } = given
  const run = typeof name === 'string' ? operations.get(name) : undefined
  if (run === undefined) {
    const hint = typeof name === 'string' ? suggest(name, operationNames) : ''
    const there = hint === '' ? ': there' : `${hint} There`
    throw invalid(`there is no operation ${show(name)}${there} are ${operationNames.join(', ')}`)
  }
  return plain({ status: 'success', ...(await attempt(run, fields, world)) })
}

/** What the program brings, such as a scaler, may throw anything: a remote caller gets one kind of error. */
async function attempt(run: Run, fields: Operation, world: ControlWorld): Promise<object | undefined> {
  try {
    return (await run(fields, world)) as object | undefined
  } catch (error) {
    if (error instanceof LbError) throw error
    throw new LbError('ERR_AETHER_OPERATION_INVALID', `the operation failed: ${reasonText(error)}`, {
      cause: error,
    })
  }
}

/** As it would be after a journey: without `undefined`, functions and the like. */
function plain(result: object): OperationResult {
  try {
    return JSON.parse(JSON.stringify(result)) as OperationResult
  } catch (error) {
    throw new LbError(
      'ERR_AETHER_OPERATION_INVALID',
      'the operation was done, but its result cannot be written as JSON',
      {
        cause: error,
      },
    )
  }
}

function invalid(message: string): LbError {
  return new LbError('ERR_AETHER_OPERATION_INVALID', message)
}
