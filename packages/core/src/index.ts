export * from './clock.ts'
export * from './errors.ts'
export type * from './transport.ts'
