export { type TcpCapabilities, tcpCapabilities } from './capabilities.ts'
export type { TcpOptions } from './options.ts'
export { tcp } from './tcp.ts'
