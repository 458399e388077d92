import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { describeConfig, loadConfig } from '../../src/config/load-config.ts'
import { settingNames, variableName, type WorkerConfig } from '../../src/config/settings.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const enough = { AETHER_URL: 'tcp://127.0.0.1:7070', AETHER_HANDLERS: 'builtin:text/stats' }

function load(env: Record<string, string>, file?: string): Promise<WorkerConfig> {
  return loadConfig({ env, folder: '/srv', fallbackName: 'host-1', ...(file === undefined ? {} : { file }) })
}

async function fileOf(content: string, name = 'worker.yaml'): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, content)
  return path
}

async function problemsOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  return (error as Error).message
}

describe('loadConfig', () => {
  it('takes defaults for all that is not said', async () => {
    expect(await load(enough)).toEqual({
      url: 'tcp://127.0.0.1:7070',
      token: undefined,
      tokenFile: undefined,
      union: 'aether',
      name: 'host-1',
      workgroup: 'workers',
      context: '+',
      concurrency: 16,
      leaseMs: undefined,
      graceMs: 25_000,
      handlers: [{ module: 'builtin:text/stats', options: {} }],
      httpHost: '127.0.0.1',
      httpPort: 8_080,
      probeIntervalMs: 5_000,
      probeTimeoutMs: 5_000,
      logLevel: 'info',
      stopOnStdinEnd: false,
    })
  })

  it('prefers the environment to the file, and the file to the defaults', async () => {
    const file = await fileOf(
      'url: tcp://file:1\nconcurrency: 3\nworkgroup: slow\nhandlers: [builtin:text/stats]\n',
    )
    const config = await load({ AETHER_CONCURRENCY: '7' }, file)
    expect(config).toMatchObject({
      url: 'tcp://file:1',
      concurrency: 7,
      workgroup: 'slow',
      leaseMs: undefined,
    })
  })

  it('reads the file that AETHER_CONFIG names, and takes an empty variable for none', async () => {
    const file = await fileOf('url: tcp://file:1\nhandlers: [builtin:text/stats]\n')
    expect(await load({ AETHER_CONFIG: file, AETHER_URL: '' })).toMatchObject({ url: 'tcp://file:1' })
  })

  it('reads JSON, indented with tabs too', async () => {
    const json = JSON.stringify(
      { url: 'tcp://file:1', handlers: ['builtin:text/stats'], httpPort: 0 },
      null,
      '\t',
    )
    expect(await load({}, await fileOf(json, 'worker.json'))).toMatchObject({ httpPort: 0 })
  })

  it('reads every setting from the environment', async () => {
    const config = await load({
      AETHER_URL: 'tcp://[::1]:7070',
      AETHER_TOKEN: 'a',
      AETHER_UNION: 'shop',
      AETHER_NAME: 'one',
      AETHER_WORKGROUP: 'fast',
      AETHER_CONTEXT: 'prod',
      AETHER_CONCURRENCY: '4',
      AETHER_LEASE_MS: '1000',
      AETHER_GRACE_MS: '0',
      AETHER_HANDLERS: 'one.mjs, /two.mjs',
      AETHER_HTTP_HOST: '::',
      AETHER_HTTP_PORT: '0',
      AETHER_PROBE_INTERVAL_MS: '100',
      AETHER_PROBE_TIMEOUT_MS: '200',
      AETHER_LOG_LEVEL: 'warn',
      AETHER_STOP_ON_STDIN_END: 'true',
    })
    expect(config).toEqual({
      url: 'tcp://[::1]:7070',
      token: 'a',
      tokenFile: undefined,
      union: 'shop',
      name: 'one',
      workgroup: 'fast',
      context: 'prod',
      concurrency: 4,
      leaseMs: 1_000,
      graceMs: 0,
      handlers: [
        { module: '/srv/one.mjs', options: {} },
        { module: '/two.mjs', options: {} },
      ],
      httpHost: '::',
      httpPort: 0,
      probeIntervalMs: 100,
      probeTimeoutMs: 200,
      logLevel: 'warn',
      stopOnStdinEnd: true,
    })
  })

  it('takes the path of a handler from where it is written', async () => {
    const file = await fileOf(
      'url: tcp://file:1\nhandlers:\n  - ./a.mjs\n  - module: b.mjs\n    options: { root: /data }\n',
    )
    const folder = join(file, '..')
    expect((await load({}, file)).handlers).toEqual([
      { module: join(folder, 'a.mjs'), options: {} },
      { module: join(folder, 'b.mjs'), options: { root: '/data' } },
    ])
    expect(
      (await load({ AETHER_HANDLERS: '["a.mjs", {"module": "file:///b.mjs"}]' }, file)).handlers,
    ).toEqual([
      { module: '/srv/a.mjs', options: {} },
      { module: '/b.mjs', options: {} },
    ])
  })

  it('reads the token from a file', async () => {
    const tokenFile = await fileOf('s3cret\n', 'token')
    expect(await load({ ...enough, AETHER_TOKEN_FILE: tokenFile })).toMatchObject({ token: 's3cret' })
  })
})

describe('loadConfig refuses', () => {
  it('an unknown key, naming it and where it stands', async () => {
    const file = await fileOf('url: tcp://file:1\nhandlers: [builtin:text/stats]\nconcurency: 3\n')
    expect(await problemsOf(load({}, file))).toContain(`${file}:3:1: unknown key "concurency"`)
  })

  it('an unknown key inside a handler entry', async () => {
    const file = await fileOf('url: tcp://file:1\nhandlers: [{ modul: a.mjs }]\n')
    const text = await problemsOf(load({}, file))
    expect(text).toContain(`${file}:2:1 handlers.0`)
    expect(text).toContain('"modul"')
  })

  it('an unknown AETHER_ variable, but not those that Kubernetes sets by itself', async () => {
    expect(await problemsOf(load({ ...enough, AETHER_CONCURENCY: '3' }))).toContain(
      'unknown environment variable AETHER_CONCURENCY',
    )
    const links = {
      AETHER_BROKER_SERVICE_HOST: '10.0.0.1',
      AETHER_BROKER_SERVICE_PORT_TCP: '7070',
      AETHER_BROKER_PORT: 'tcp://10.0.0.1:7070',
      AETHER_BROKER_PORT_7070_TCP_ADDR: '10.0.0.1',
    }
    await expect(load({ ...enough, ...links })).resolves.toMatchObject({ url: enough.AETHER_URL })
  })

  it('a value of the wrong type or out of range, naming variable or line', async () => {
    const file = await fileOf('url: tcp://file:1\nleaseMs: soon\nhandlers: [builtin:text/stats]\n')
    const text = await problemsOf(load({ AETHER_CONCURRENCY: '0', AETHER_HTTP_PORT: 'http' }, file))
    expect(text).toContain(`${file}:2:1 leaseMs: `)
    expect(text).toContain('(got "soon")')
    expect(text).toContain('AETHER_CONCURRENCY: ')
    expect(text).toContain('AETHER_HTTP_PORT: ')
  })

  it('what must be given and is not', async () => {
    const text = await problemsOf(load({}))
    expect(text).toContain('url is missing: set AETHER_URL')
    expect(text).toContain('handlers is missing: set AETHER_HANDLERS')
  })

  it('a name that cannot stand in a topic', async () => {
    for (const bad of ['a/b', 'a+', '#', 'a b', 'a\u0000', 'x'.repeat(129)]) {
      expect(await problemsOf(load({ ...enough, AETHER_UNION: bad }))).toContain('AETHER_UNION: must')
    }
  })

  it('a file that is missing, broken or no mapping', async () => {
    expect(await problemsOf(load(enough, '/nowhere/worker.yaml'))).toContain('/nowhere/worker.yaml')
    const broken = await fileOf('token: "s3cret\nurl: x\n')
    const text = await problemsOf(load(enough, broken))
    expect(text).toContain(`${broken}:`)
    expect(text).not.toContain('s3cret')
    const twice = await fileOf('url: a\nurl: b\n')
    expect(await problemsOf(load(enough, twice))).toContain(`${twice}:2:1`)
    expect(await problemsOf(load(enough, await fileOf('- a\n')))).toContain('mapping')
  })

  it('credentials in the URL and both kinds of token, telling no secret', async () => {
    const url = await problemsOf(load({ ...enough, AETHER_URL: 'tcp://me:s3cret@broker:7070' }))
    expect(url).toContain('AETHER_URL: must hold no credentials')
    expect(url).not.toContain('s3cret')
    const both = await problemsOf(load({ ...enough, AETHER_TOKEN: 's3cret', AETHER_TOKEN_FILE: '/t' }))
    expect(both).toContain('give one of token and tokenFile')
    expect(both).not.toContain('s3cret')
    const file = await fileOf('token: [s3cret]\n')
    expect(await problemsOf(load(enough, file))).not.toContain('s3cret')
  })
})

describe('describeConfig', () => {
  it('tells every setting but no secret and no handler option', async () => {
    const file = await fileOf('handlers: [{ module: a.mjs, options: { password: s3cret } }]\n')
    const shown = describeConfig(await load({ AETHER_URL: 'tcp://b:1', AETHER_TOKEN: 's3cret' }, file))
    const unset = ['tokenFile', 'leaseMs']
    expect(Object.keys(shown)).toEqual(settingNames.filter((key) => !unset.includes(key)))
    expect(shown['token']).toBe('[set]')
    expect(JSON.stringify(shown)).not.toContain('s3cret')
  })
})

describe('variableName', () => {
  it('is AETHER_ and the key in capitals', () => {
    expect(variableName('httpPort')).toBe('AETHER_HTTP_PORT')
    expect(variableName('url')).toBe('AETHER_URL')
  })
})
