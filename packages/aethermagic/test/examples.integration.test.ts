import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import {
  makeCertificates,
  startMosquitto,
  startRedis,
  type MosquittoServer,
  type RedisServer,
} from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../', import.meta.url))

/** What each example prints. Those that run until they are stopped are stopped then. */
const ending: Readonly<Record<string, string>> = {
  'first.ts': "0%\n50%\ntrue { processed: 'data.csv' }\n",
  'protocols.ts': 'mqtt  true\nredis pubsub true\nredis streams true\n',
  'old.ts': 'mqtt localhost true\n',
  'config.ts': 'my_app streams true\n',
}
const running: Readonly<Record<string, string>> = {
  'listen.ts': 'complete succeed { width: 320 }\n',
  'shared.ts': "compute: { work: 'data' }\n",
  'everyone.ts': 'reload: { version: 2 }\nreload: { version: 2 }\n',
  'lists.ts': '{ n: 1 }\n',
  'workgroup.ts': '{ n: 1 }\n',
}
const others = ['client.ts', 'multi.ts', 'worker.ts']
/** Imported by the others. */
const imported = ['aether.ts']

let broker: MosquittoServer
let server: RedisServer
let env: Record<string, string>
const children = new Set<ChildProcess>()

beforeAll(async () => {
  // As the example of all parameters has it: a user with a password, beside the one without.
  ;[broker, server] = await Promise.all([
    startMosquitto(),
    startRedis({ args: ['--user', 'user', 'on', '>pass', '~*', '&*', '+@all'] }),
  ])
  env = {
    ...(process.env as Record<string, string>),
    MQTT_HOST: 'localhost',
    MQTT_PORT: String(broker.port),
    REDIS_HOST: 'localhost',
    REDIS_PORT: String(server.port),
  }
}, 120_000)
afterAll(async () => {
  // One that could not be started has no pid, and `kill` would signal the group of this process.
  for (const child of children) if (child.pid !== undefined) child.kill('SIGKILL')
  await Promise.all([broker.close(), server.close()])
})

interface Started {
  readonly child: ChildProcess
  /** What it has said so far, to both outputs. */
  readonly said: () => string
  readonly ended: Promise<number | null>
}

function start(example: string, own: Readonly<Record<string, string>> = {}): Started {
  const path = join(folder, 'examples', example)
  const args = ['--conditions=@aether/source', '--import', 'tsx', path]
  const child = spawn(process.execPath, args, { env: { ...env, ...own } })
  children.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, said: () => output, ended }
}

describe('examples', () => {
  it('are all run here', async () => {
    const files = await readdir(join(folder, 'examples'))
    const run = [...Object.keys(ending), ...Object.keys(running), ...others, ...imported]
    expect(files.toSorted()).toEqual(run.toSorted())
  })

  it.each(Object.entries(ending))('%s prints what its page says', async (example, expected) => {
    const { said, ended } = start(example)
    expect([await ended, said()]).toEqual([0, expected])
  })

  it.each(Object.entries(running))(
    '%s prints what its page says until it is stopped',
    async (example, expected) => {
      const { child, said, ended } = start(example)
      await until(() => said().length >= expected.length, { what: 'all said', timeoutMs: 30_000 })
      child.kill('SIGTERM')
      expect([await ended, said()]).toEqual([0, expected])
    },
  )

  it('worker.ts works for client.ts, and stops in order', async () => {
    const worker = start('worker.ts')
    await until(() => worker.said().includes('Ready'), { what: 'ready', timeoutMs: 30_000 })
    const client = start('client.ts')
    expect([await client.ended, client.said()]).toEqual([
      0,
      "Progress: 0%\nProgress: 50%\nTask finished: true\nResult: { result: 'success' }\n",
    ])
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toBe(0)
    expect(worker.said()).toMatch(/^Ready\nProcessing: \{[^]*data\.csv[^]*\}\n$/)
  })

  it('multi.ts runs two protocols at once, with TLS', async () => {
    const home = await mkdtemp(join(tmpdir(), 'aethermagic-'))
    const { ca, server: pair } = await makeCertificates(home)
    const tls = { ...pair, ca }
    const [mqtts, rediss] = await Promise.all([startMosquitto({ listeners: [{ tls }] }), startRedis({ tls })])
    try {
      const { child, said, ended } = start('multi.ts', {
        MQTT_PORT: String(mqtts.port),
        REDIS_PORT: String(rediss.port),
        NODE_EXTRA_CA_CERTS: ca,
      })
      await until(() => /send_email/.test(said()) && /generate_image/.test(said()), {
        what: 'both worked on',
        timeoutMs: 30_000,
      })
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
      expect(said()).toBe(
        "send_email { email: 'user@example.com' }\ngenerate_image { prompt: 'sunset landscape' }\n",
      )
    } finally {
      await Promise.all([mqtts.close(), rediss.close()])
      await rm(home, { recursive: true, force: true })
    }
  })
})

/** The fenced blocks of a page in one language. */
async function blocks(page: string, language: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, page), 'utf8')
  return [...text.matchAll(/^```(\S*)\n([^]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? '')
}

describe('the migration page', () => {
  it('shows the examples as they are, and nothing that does not run', async () => {
    const shown = await blocks('docs/migration.md', 'ts')
    const files = await readdir(join(folder, 'examples'))
    const texts = await Promise.all(files.map((name) => readFile(join(folder, 'examples', name), 'utf8')))
    expect(shown.filter((block) => !texts.includes(block))).toEqual([])
    const missing = files.filter((name, at) => name !== 'first.ts' && !shown.includes(texts[at] ?? ''))
    expect(missing).toEqual([])
  })

  it('leaves the first example to the README', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8')
    expect(readme).toContain(await readFile(join(folder, 'examples', 'first.ts'), 'utf8'))
  })

  it('shows Python that is Python', async () => {
    const shown = await blocks('docs/migration.md', 'python')
    expect(shown.length).toBeGreaterThanOrEqual(10)
    // Debian's own, where there is one: the page must not make a machine without it fail.
    const python = '/usr/bin/python3'
    if (!existsSync(python)) return
    const parse = 'import ast, sys\nfor text in sys.argv[1:]: ast.parse(text)'
    await promisify(execFile)(python, ['-c', parse, ...shown])
  })

  it('shows them in pairs', async () => {
    const text = await readFile(join(folder, 'docs/migration.md'), 'utf8')
    const languages = [...text.matchAll(/^```(python|ts)$/gm)].map((match) => match[1])
    const examples = languages.slice(0, languages.lastIndexOf('ts') + 1)
    expect(examples.filter((language) => language === 'ts').length).toBeGreaterThanOrEqual(11)
    for (const [at, language] of examples.entries())
      if (language === 'ts') expect(examples[at - 1]).toBe('python')
  })
})
