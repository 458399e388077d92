import type { Scenario } from '../scenario.ts'
import { tailScenarios } from '../tails.ts'
import { failingFast } from './failing-fast.ts'
import { overload } from './overload.ts'
import { retryStorm } from './retry-storm.ts'
import { slowStart } from './slow-start.ts'

export const scenarios: readonly Scenario[] = [...tailScenarios, slowStart, failingFast, retryStorm, overload]
