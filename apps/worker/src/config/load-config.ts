import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { AetherError } from '@aether/core'

import { type ConfigFile, readConfigFile } from './config-file.ts'
import {
  type HandlerModule,
  type Setting,
  settingNames,
  settings,
  variableName,
  type WorkerConfig,
} from './settings.ts'

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** What paths of the environment are relative to. */
  readonly folder: string
  /** Wins over `AETHER_CONFIG`. */
  readonly file?: string
  /** Used where neither environment nor file says anything. */
  readonly fallbackName: string
}

interface Given {
  readonly value: unknown
  /** `AETHER_CONCURRENCY`, or `worker.yaml:3:1 concurrency`. */
  readonly where: string
  /** What a path in it is relative to. */
  readonly folder: string
}

/**
 * Puts the configuration together: environment over file over defaults.
 * @throws AetherError `ERR_AETHER_OPTIONS_INVALID`, naming every problem with the key or variable and where it stands; never the value of a secret.
 */
export async function loadConfig(sources: ConfigSources): Promise<WorkerConfig> {
  const { env, folder } = sources
  const path = sources.file ?? env['AETHER_CONFIG']
  const file = path === undefined || path === '' ? undefined : await readConfigFile(resolve(folder, path))
  const problems = [...unknownVariables(env), ...unknownKeys(file)]
  const values: Record<string, unknown> = {}
  const given = new Map<string, Given>()
  for (const key of settingNames) {
    const found = find(key, sources, file)
    if (found !== undefined) given.set(key, found)
    values[key] = check(key, found, sources.fallbackName, problems)
  }
  if (given.has('token') && given.has('tokenFile')) {
    problems.push(
      `${given.get('token')?.where}, ${given.get('tokenFile')?.where}: give one of token and tokenFile`,
    )
  }
  if (problems.length > 0) {
    throw new AetherError(
      'ERR_AETHER_OPTIONS_INVALID',
      `the configuration is not valid:\n  ${problems.join('\n  ')}`,
      {
        detail: { problems },
      },
    )
  }
  const config = values as unknown as WorkerConfig
  return {
    ...config,
    token: await readToken(config, given.get('tokenFile')?.folder ?? folder),
    handlers: config.handlers.map((entry) => located(entry, given.get('handlers')?.folder ?? folder)),
  }
}

/** The configuration as it may be logged. */
export function describeConfig(config: WorkerConfig): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const key of settingNames) {
    if (config[key] === undefined) continue
    // A handler's options are its own business and may hold secrets: only the modules are told.
    const value = key === 'handlers' ? config.handlers.map((entry) => entry.module) : config[key]
    shown[key] = settings[key].isSecret === true ? '[set]' : value
  }
  return shown
}

function find(
  key: keyof WorkerConfig,
  sources: ConfigSources,
  file: ConfigFile | undefined,
): Given | undefined {
  const variable = variableName(key)
  const text = sources.env[variable]
  // An empty variable is how shells and compose files say "not set".
  if (text !== undefined && text !== '') {
    return { value: fromText(text, settings[key].form), where: variable, folder: sources.folder }
  }
  const value = file?.values.get(key)
  if (file === undefined || value === undefined) return undefined
  return { value, where: `${file.where(key)} ${key}`, folder: dirname(file.path) }
}

function check(
  key: keyof WorkerConfig,
  given: Given | undefined,
  fallbackName: string,
  problems: string[],
): unknown {
  const { schema, isSecret }: Setting<unknown> = settings[key]
  const value = given === undefined && key === 'name' ? fallbackName : given?.value
  const result = schema.safeParse(value)
  if (result.success) return result.data
  if (given === undefined) {
    problems.push(`${key} is missing: set ${variableName(key)}, or ${key} in the file`)
    return undefined
  }
  for (const issue of result.error.issues) {
    const at = issue.path.length === 0 ? '' : `.${issue.path.join('.')}`
    const got = isSecret === true || typeof value === 'object' ? '' : ` (got ${JSON.stringify(value)})`
    const isCredential = key === 'url' && issue.message.includes('credentials')
    problems.push(`${given.where}${at}: ${issue.message}${isCredential ? '' : got}`)
  }
  return undefined
}

function fromText(text: string, form: Setting<unknown>['form']): unknown {
  // What does not fit stays text, so that the rule of the setting refuses it by name.
  if (form === 'number') return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
  if (form === 'boolean')
    return { true: true, '1': true, false: false, '0': false }[text.trim().toLowerCase()] ?? text
  if (form === 'text') return text
  if (!text.trimStart().startsWith('[')) return text.split(',').map((part) => part.trim())
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function unknownKeys(file: ConfigFile | undefined): string[] {
  if (file === undefined) return []
  const strangers = [...file.values.keys()].filter((key) => !Object.hasOwn(settings, key))
  return strangers.map(
    (key) => `${file.where(key)}: unknown key ${JSON.stringify(key)}; known are ${settingNames.join(', ')}`,
  )
}

/** Kubernetes sets these for every Service of the namespace, whatever its name. */
const serviceLink =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/

function unknownVariables(env: ConfigSources['env']): string[] {
  const known = new Set(['AETHER_CONFIG', ...settingNames.map(variableName)])
  return Object.keys(env)
    .filter((name) => name.startsWith('AETHER_') && !known.has(name) && !serviceLink.test(name))
    .map((name) => `unknown environment variable ${name}; known are ${[...known].join(', ')}`)
}

async function readToken(config: WorkerConfig, folder: string): Promise<string | undefined> {
  if (config.tokenFile === undefined) return config.token
  const path = resolve(folder, config.tokenFile)
  const token = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AetherError(
      'ERR_AETHER_OPTIONS_INVALID',
      `cannot read tokenFile ${path}: ${(cause as Error).message}`,
      { cause },
    )
  })
  return token.trim()
}

function located(entry: HandlerModule, folder: string): HandlerModule {
  if (entry.module.startsWith('builtin:')) return entry
  return {
    ...entry,
    module: entry.module.startsWith('file:') ? fileURLToPath(entry.module) : resolve(folder, entry.module),
  }
}
