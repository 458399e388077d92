export { quantile } from './statistics.ts'
export { simulateTail, type TailOptions, type TailWorld, tailWorlds } from './tails.ts'
