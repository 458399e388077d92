export { type Certificates, makeCertificates } from './certificates.ts'
export { ensureInstalled } from './install/ensure-installed.ts'
export { NotInstalled } from './install/installer.ts'
export {
  type MosquittoListener,
  type MosquittoListenerOptions,
  type MosquittoServer,
  type MosquittoServerOptions,
  startMosquitto,
} from './mosquitto/mosquitto-server.ts'
export { type NatsServerOptions, startNats } from './nats/nats-server.ts'
export { freePort } from './process/free-port.ts'
export type { Service } from './process/service.ts'
export { provide } from './provide.ts'
export { pythonPath } from './python-path.ts'
export { type RedisCluster, type RedisClusterOptions, startRedisCluster } from './redis/redis-cluster.ts'
export { type RedisSentinel, type RedisSentinelOptions, startRedisSentinel } from './redis/redis-sentinel.ts'
export { type RedisServer, type RedisServerOptions, startRedis } from './redis/redis-server.ts'
export type { KeyPair, ServerTls } from './tls-files.ts'
