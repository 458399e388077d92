import { AetherError, type ErrorCode, isAetherError } from '@aether/core'

export function invalidOption(option: string, problem: string, value: unknown): AetherError {
  const isShown = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  const shown = isShown ? `; it is ${value}` : ''
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `Option ${option} of redis ${problem}${shown}.`, {
    detail: { option },
  })
}

export function closedError(): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'The Redis transport is closed.')
}

/** What was under way when the connection ended is told that it may have been done. */
export function lostCall(cause: AetherError): AetherError {
  if (cause.code === 'ERR_AETHER_TRANSPORT_CLOSED') return cause
  return new AetherError(
    'ERR_AETHER_TRANSPORT_LOST',
    `The connection to Redis was lost; what was under way may have been done. ${cause.message}`,
    { cause, retryable: true },
  )
}

/** The connection ended, or was given up. */
export function lostError(reason: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_LOST', reason, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  })
}

export function queueFull(limit: number): AetherError {
  return new AetherError('ERR_AETHER_QUEUE_FULL', `${limit} calls wait for Redis already.`, {
    retryable: true,
    detail: { limit: 'maxPending', value: limit },
  })
}

/** The connection takes less than is sent. */
export function backlogFull(limit: number): AetherError {
  return new AetherError('ERR_AETHER_QUEUE_FULL', `More than ${limit} bytes wait to be sent to Redis.`, {
    retryable: true,
    detail: { limit },
  })
}

/** Nobody came in time; `last` is what went wrong meanwhile. */
export function connectTimeout(timeoutMs: number, last: AetherError | undefined, hint = ''): AetherError {
  const why = last === undefined ? hint : ` ${last.message}`
  return new AetherError(
    'ERR_AETHER_CONNECT_TIMEOUT',
    `No connection to Redis within ${Math.round(timeoutMs)} ms.${why}`,
    {
      retryable: true,
      ...(last === undefined ? {} : { cause: last }),
    },
  )
}

export function payloadTooLarge(what: string, bytes: number, limit: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `The body of ${what} has ${bytes} bytes; at most ${limit} are carried.`,
    { detail: { bytes, limit } },
  )
}

/** The server would end the connection instead of an answer. */
export function overServerLimit(bytes: number, limit: string, value: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `${bytes} bytes at once are over the ${limit} of this Redis, ${value}.`,
    { detail: { bytes, limit: value, setting: limit } },
  )
}

/** The server lacks what the mode is made of. */
export function tooOld(mode: string, needed: string, found: string | undefined): AetherError {
  const has = found === undefined ? 'this server is older' : `this server is ${found}`
  return new AetherError(
    'ERR_AETHER_PROTOCOL_VERSION',
    `Mode ${mode} of redis needs Redis ${needed} or later; ${has}. Update the server, or use mode pubsub.`,
    { detail: { mode, needed, ...(found === undefined ? {} : { found }) } },
  )
}

interface Meaning {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly says: string
  /** It surely did not run, and a little later it may. */
  readonly passes?: boolean
}

const refused = 'ERR_AETHER_TOKEN_REFUSED'
const lost = 'ERR_AETHER_TRANSPORT_LOST'
const full = 'ERR_AETHER_QUEUE_FULL'
const invalid = 'ERR_AETHER_OPTIONS_INVALID'

/** What the first word of an error reply means. */
const replies: Readonly<Record<string, Meaning>> = {
  NOAUTH: { code: refused, retryable: false, says: 'Redis asks for a password.' },
  WRONGPASS: { code: refused, retryable: false, says: 'Redis refused the username or the password.' },
  NOPERM: { code: refused, retryable: false, says: 'The ACL of this Redis user does not allow that.' },
  OOM: { code: full, retryable: true, says: 'Redis has no memory left (maxmemory with noeviction).' },
  MISCONF: { code: full, retryable: true, says: 'Redis cannot write to its disk and refuses to take more.' },
  NOREPLICAS: { code: full, retryable: true, says: 'Redis has too few replicas to take more.' },
  WRONGTYPE: {
    code: invalid,
    retryable: false,
    says: 'A key of the transport holds something foreign: remove it, or choose another prefix.',
  },
  READONLY: {
    code: lost,
    retryable: true,
    passes: true,
    says: 'This Redis is a replica and takes no writes.',
  },
  MASTERDOWN: {
    code: lost,
    retryable: true,
    passes: true,
    says: 'This Redis is a replica without its master.',
  },
  LOADING: { code: lost, retryable: true, passes: true, says: 'Redis is still loading its data.' },
  BUSY: { code: lost, retryable: true, passes: true, says: 'Redis is busy with a script of someone.' },
  CLUSTERDOWN: {
    code: lost,
    retryable: true,
    passes: true,
    says: 'A part of the Redis Cluster is down.',
  },
  TRYAGAIN: { code: lost, retryable: true, passes: true, says: 'The Redis Cluster moves these keys.' },
  MOVED: { code: invalid, retryable: false, says: 'This Redis is a node of a Cluster: use option cluster.' },
  ASK: { code: invalid, retryable: false, says: 'This Redis is a node of a Cluster: use option cluster.' },
}

/** Whether what was refused with this error did not run and is worth another try a little later. */
export function passes(error: unknown): boolean {
  return replies[firstWord(error)]?.passes === true
}

/** What ioredis, Node or Redis say, as an error of core. */
export function toAetherError(thrown: unknown): AetherError {
  if (isAetherError(thrown)) return thrown
  const message = messageOf(thrown)
  const meaning = replies[firstWord(thrown)]
  const cause = withoutArguments(thrown)
  if (meaning !== undefined) {
    return new AetherError(meaning.code, `${meaning.says} (${message})`, {
      cause,
      retryable: meaning.retryable,
    })
  }
  return fromText(message, cause) ?? new AetherError(lost, `Redis failed: ${message}`, { cause })
}

/** The driver hangs the whole command on its errors: payloads and passwords, which belong into no log. */
function withoutArguments(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('command' in thrown)) return thrown
  const { name } = (thrown as { command?: { name?: unknown } }).command ?? {}
  const clean = new Error(thrown.message)
  clean.name = thrown.name
  return Object.assign(clean, { command: String(name) })
}

/** The error code of a reply, also of one that a script passed on: before Redis 7 it stands behind the script's name. */
function firstWord(thrown: unknown): string {
  const message = messageOf(thrown)
  // The driver follows a slot only so often; nothing ran meanwhile.
  if (movedOn.test(message)) return 'TRYAGAIN'
  const inner = /@user_script: ?\d+: -?([A-Z]+) /.exec(message)
  return inner?.[1] ?? message.slice(0, message.indexOf(' ') === -1 ? undefined : message.indexOf(' '))
}

const movedOn = /^Too many Cluster redirections\. Last error: ReplyError: (MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /

/** What the driver says of a command that got no answer; all but the first two come from clients of the application alone. */
const unanswered =
  /^(Connection is closed|Stream isn't writeable|Command timed out|Reached the max retries|Cluster isn't ready|None of startup nodes|Too many Cluster redirections)/

function fromText(message: string, cause: unknown): AetherError | undefined {
  if (unanswered.test(message)) return lostCall(lostError(message, cause))
  if (/^(ERR )?(AUTH|invalid password|Client sent AUTH)/i.test(message))
    return new AetherError(refused, `Redis refused the username or the password. (${message})`, { cause })
  if (/max number of clients/i.test(message))
    return failed(`Redis has as many clients as it takes, see its maxclients. (${message})`, cause, true)
  if (/unknown (sub)?command/i.test(message)) {
    const name = /command:? [`'‘]([^,'’`]+)/i.exec(message)?.[1] ?? ''
    const since = commandSince[name.toLowerCase()]
    const from = since === undefined ? 'does not know a command that is needed' : `is older than ${since}`
    return new AetherError('ERR_AETHER_PROTOCOL_VERSION', `This Redis ${from}. (${message})`, {
      cause,
      detail: { command: name, ...(since === undefined ? {} : { needed: since }) },
    })
  }
  if (/invalid (multi)?bulk length|exceeds maximum allowed size/i.test(message)) {
    return new AetherError(
      'ERR_AETHER_PAYLOAD_TOO_LARGE',
      `Redis does not take as much at once; see its proto-max-bulk-len. (${message})`,
      { cause },
    )
  }
  if (/cluster support disabled/i.test(message))
    return new AetherError(invalid, `This Redis is no Cluster: use option url. (${message})`, { cause })
  if (/DB index is out of range|SELECT is not allowed in cluster mode/i.test(message))
    return new AetherError(invalid, `This Redis has no such database. (${message})`, { cause })
  return undefined
}

/** Which release brought what this package uses. */
const commandSince: Readonly<Record<string, string>> = {
  evalsha: '2.6',
  hello: '6.0',
  lmove: '6.2',
  xack: '5.0',
  xadd: '5.0',
  xautoclaim: '6.2',
  xreadgroup: '5.0',
}

const tlsCodes =
  /^(EPROTO|ERR_SSL_|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_OSSL)/

/** Why an attempt to connect failed. What will not change by itself is not `retryable`, and ends `start` at once. */
export function connectError(thrown: unknown, target: string, usesTls: boolean): AetherError {
  if (isAetherError(thrown)) return thrown
  const mapped = toAetherError(thrown)
  if (mapped.code !== lost || replies[firstWord(thrown)] !== undefined) return mapped
  const code = codeOf(thrown)
  const message = messageOf(thrown)
  if (usesTls && (tlsCodes.test(code) || /wrong version number|alert|certificate/i.test(message))) {
    return failed(`The TLS handshake with Redis at ${target} failed: ${message}`, thrown, false)
  }
  if (usesTls && /before secure TLS connection/i.test(message)) {
    return failed(`Redis at ${target} ended the TLS handshake: does that port speak TLS?`, thrown, true)
  }
  if (/Connection is closed|ECONNRESET|Unknown RESP type/i.test(`${code} ${message}`)) {
    const hint = usesTls ? '' : ' Is it Redis, and does it ask for TLS (rediss://)?'
    return failed(`What answers at ${target} ended the connection.${hint}`, thrown, true)
  }
  return failed(`Cannot connect to Redis at ${target}: ${message}`, thrown, true)
}

function failed(message: string, cause: unknown, retryable: boolean): AetherError {
  return new AetherError('ERR_AETHER_CONNECT_FAILED', message, { cause, retryable })
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}

function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  // Node collects what happened to each address of a name, and says nothing itself.
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join(', ')
  return thrown.message
}
