import { AetherError } from '@aether/core'

/** The type of a wrong value is told, and numbers and short names as they are; never a text that may be secret. */
export function optionInvalid(where: string, option: string, expected: string, value: unknown): AetherError {
  const got = typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value
  return new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `${where}: ${option} must be ${expected}, got ${got}`,
    {
      detail: { where, option, expected },
    },
  )
}

/** Two options that do not go together, or one that belongs elsewhere. */
export function optionMisplaced(where: string, option: string, why: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `${where}: ${option} ${why}`, {
    detail: { where, option },
  })
}

/** What the Python library offers and Aether cannot keep. */
export function unsupported(what: string, why: string): AetherError {
  return new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', `${what} cannot be: ${why}`, {
    detail: { capability: what },
  })
}

export function closedError(channel: string): AetherError {
  const name = channel === '' ? '' : ` of channel ${channel}`
  return new AetherError('ERR_AETHER_CLIENT_CLOSED', `this AetherMagic${name} is closed: make another`, {
    detail: { channel },
  })
}

/** `status` and `complete` belong to the task that `on_perform` was handed. */
export function notInHand(method: string): AetherError {
  return new AetherError(
    'ERR_AETHER_TASK_UNKNOWN',
    `${method}(): this AetherTask holds no task; call it on the one that on_perform is handed`,
    { detail: { method } },
  )
}

export function afterTheEnd(method: string, tid: string, how: string): AetherError {
  return new AetherError('ERR_AETHER_LEASE_LOST', `${method}(): task ${tid} is over: ${how}`, {
    detail: { method, tid },
  })
}

/** Throws where `options` has a key that nobody looks at: a misspelt option must not be ignored in silence. */
export function checkKeys(where: string, options: object, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) {
    throw optionInvalid(where, 'options', 'an object', options)
  }
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw optionMisplaced(where, key.slice(0, 80), `is unknown; known are ${[...known].join(', ')}`)
  }
}

export function checkFunction(where: string, option: string, value: unknown): void {
  if (typeof value !== 'function') throw optionInvalid(where, option, 'a function', value)
}
