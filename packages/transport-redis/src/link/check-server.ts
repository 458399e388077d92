import { AetherError } from '@aether/core'
import { Command } from 'ioredis'
import { tooOld } from '../errors.ts'
import type { RedisMode } from '../options.ts'
import type { Reply } from './redis-link.ts'
import type { ServerLimits } from './server-limits.ts'
import type { Session } from './session.ts'

/** The oldest release that has what a mode is made of. */
const oldest: Readonly<Record<RedisMode, string>> = { streams: '6.2', lists: '6.2', pubsub: '5.0' }

/** Throws where what answers is not what was asked for, or too old for the mode; also runs a script, since that is what the modes live on. */
export async function checkServer(
  session: Session,
  mode: RedisMode,
  isCluster: boolean,
): Promise<ServerLimits> {
  const { version, kind, role } = await describe(session)
  if (kind === 'sentinel') throw wrongTarget('is a Sentinel: use the options sentinels and name')
  if (kind === 'cluster' && !isCluster) throw wrongTarget('is a node of a Cluster: use the option cluster')
  if (version !== undefined && isOlder(version, oldest[mode])) throw tooOld(mode, oldest[mode], version)
  if (role === 'replica' || role === 'slave') {
    throw new AetherError(
      'ERR_AETHER_CONNECT_FAILED',
      `Redis at ${session.name} is a replica, which takes no tasks: name its master.`,
      { retryable: true },
    )
  }
  if (mode === 'pubsub') await ask(session, 'ping', [])
  else await ask(session, 'eval', ["return redis.call('TIME')", 0])
  return {
    argumentBytes: await setting(session, 'proto-max-bulk-len'),
    commandBytes: await setting(session, 'client-query-buffer-limit'),
  }
}

/** Where this user may not ask, or nobody may, nothing is known and nothing refused beforehand. */
async function setting(session: Session, name: string): Promise<number> {
  try {
    const reply = await ask(session, 'config', ['get', name])
    const value = Array.isArray(reply) ? Number(String(reply[1])) : 0
    return value > 0 ? value : Number.POSITIVE_INFINITY
  } catch (error) {
    if (!isRefusal(error)) throw error
    return Number.POSITIVE_INFINITY
  }
}

interface Description {
  readonly version: string | undefined
  readonly kind: string
  readonly role: string
}

async function describe(session: Session): Promise<Description> {
  try {
    const fields = pairs(await ask(session, 'hello', []))
    return { version: fields.get('version'), kind: fields.get('mode') ?? '', role: fields.get('role') ?? '' }
  } catch (error) {
    // Older than 6.0, or HELLO is forbidden or renamed: INFO says as much to those who may ask it.
    if (!isRefusal(error)) throw error
    return fromInfo(session)
  }
}

async function fromInfo(session: Session): Promise<Description> {
  const said: Record<string, string> = {}
  for (const section of ['server', 'replication']) {
    try {
      const reply = await ask(session, 'info', [section])
      for (const line of String(reply).split('\r\n')) {
        const colon = line.indexOf(':')
        if (colon > 0) said[line.slice(0, colon)] = line.slice(colon + 1)
      }
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
  }
  return { version: said['redis_version'], kind: said['redis_mode'] ?? '', role: said['role'] ?? '' }
}

/** A command that this server or this user does not have; anything else is a fault of the connection. */
function isRefusal(error: unknown): boolean {
  return /^ERR |NOPERM/i.test(error instanceof Error ? error.message : '')
}

async function ask(session: Session, name: string, args: (string | number)[]): Promise<Reply> {
  const command = new Command(name, args, { replyEncoding: null })
  session.send(command)
  return (await command.promise) as Reply
}

function pairs(reply: Reply): Map<string, string> {
  const fields = new Map<string, string>()
  if (!Array.isArray(reply)) return fields
  for (let index = 0; index + 1 < reply.length; index += 2) {
    const value: Reply = reply[index + 1] as Reply
    if (Buffer.isBuffer(value)) fields.set(String(reply[index]), value.toString())
  }
  return fields
}

function isOlder(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number)
  return major < neededMajor || (major === neededMajor && minor < neededMinor)
}

function wrongTarget(what: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `What answers there ${what}.`)
}
