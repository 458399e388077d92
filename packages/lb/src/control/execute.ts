import { show } from '../check-options.ts'
import { LbError } from '../errors.ts'
import { suggest } from '../unknown-name.ts'
import { backendOperations } from './backend-operations.ts'
import type { Run } from './define-operation.ts'
import type { ControlWorld, Operation, OperationResult } from './operation.ts'
import { requestOperations } from './request-operations.ts'
import { steeringOperations } from './steering-operations.ts'

const operations: ReadonlyMap<string, Run> = new Map(
  Object.entries({ ...steeringOperations, ...backendOperations, ...requestOperations }),
)

export const operationNames: readonly string[] = [...operations.keys()]

/** Checks an operation and does it; `ERR_AETHER_OPERATION_INVALID` where there is none of that name. Never throws at once. */
export async function execute(world: ControlWorld, given: Operation): Promise<OperationResult> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid(`an operation must be an object with the key "operation", not ${show(given)}`)
  const { operation: name, ...fields } = given
  const run = typeof name === 'string' ? operations.get(name) : undefined
  if (run === undefined) {
    const hint = typeof name === 'string' ? suggest(name, operationNames) : ''
    throw invalid(`there is no operation ${show(name)}${hint} There are ${operationNames.join(', ')}`)
  }
  const result = await run(fields, world)
  return plain({ status: 'success', ...(result as object | undefined) })
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
