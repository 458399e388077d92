import { execFileSync, spawn } from 'node:child_process'
import { chmod, mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { until } from '@aether/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

import type { Summary } from '../src/summary.ts'
import { temporaryFolder } from './temporary-folder.ts'

interface RunningJob {
  readonly pid: number
  readonly signal: (name: NodeJS.Signals) => void
  /** Reads no more of what it prints, as `head` does that has seen enough. */
  readonly stopReading: () => void
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<number | null>
}

/** Runs the main job from its sources, in a process of its own. */
function startJob(args: readonly string[], before: readonly string[] = []): RunningJob {
  const node = [process.execPath, '--conditions=@aether/source', '--import', 'tsx']
  const [program = '', ...rest] = [...before, ...node, join(import.meta.dirname, '../src/main.ts'), ...args]
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    pid: child.pid ?? 0,
    signal: (name) => void child.kill(name),
    stopReading: () => void child.stdout.destroy(),
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
  }
}

/** Root may read anything: where the tests run as root, this takes that privilege from what it starts. */
function withoutPrivilege(): string[] {
  if (process.getuid?.() !== 0) return []
  return ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--']
}

async function summaryOf(job: RunningJob, exitCode = 0): Promise<Summary> {
  expect(await job.exited, job.stderr()).toBe(exitCode)
  return JSON.parse(job.stdout()) as Summary
}

/** What sha256sum says, by path relative to the folder. */
function sha256sums(folder: string): Map<string, string> {
  const script = 'find . -type f -print0 | xargs -0 -r sha256sum -z --'
  const lines = execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', maxBuffer: 1e9 }).split(
    '\0',
  )
  return new Map(lines.filter(Boolean).map((line) => [line.slice(68), line.slice(0, 64)]))
}

function digestsOf(summary: Summary): Map<string, string> {
  return new Map(summary.results.map(({ path, sha256 }) => [path, sha256]))
}

/** Processes whose parent is `pid`. */
function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return listed.trim().split(/\s+/).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function manyFiles(count: number): Promise<string> {
  const folder = await temporaryFolder()
  for (let at = 0; at < count; at += 100) {
    const sub = join(folder, `sub ${at}`)
    await mkdir(sub)
    const names = Array.from({ length: Math.min(100, count - at) }, (_, index) => at + index)
    await Promise.all(names.map((name) => writeFile(join(sub, `file-${name}`), `content of ${name}\n`)))
  }
  return folder
}

describe('the main job', () => {
  it('digests every regular file as sha256sum does, and prints one JSON object', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, '.git/objects'), { recursive: true })
    await writeFile(join(folder, '.git/objects/ünï ☃ \u{1f600}'), 'unicode')
    await writeFile(join(folder, 'with space and\nnew line'), 'odd')
    await writeFile(join(folder, 'empty'), '')
    await writeFile(join(folder, 'twin 1'), 'same')
    await writeFile(join(folder, 'twin 2'), 'same')
    await writeFile(join(folder, 'sparse'), '')
    await truncate(join(folder, 'sparse'), 50_000_000)
    await symlink('/etc/passwd', join(folder, 'link'))
    await symlink('.git', join(folder, 'folder link'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const summary = await summaryOf(startJob([folder, '--json']))
    expect(digestsOf(summary)).toEqual(sha256sums(folder))
    expect(summary).toMatchObject({
      files: 6,
      bytes: 50_000_000 + 7 + 3 + 4 + 4,
      failures: [],
      gaps: [],
      notStarted: 0,
      skipped: { links: 2, others: 1 },
      ledger: { performed: 6, succeeded: 6, failed: 0, cancelled: 0, expired: 0, open: 0 },
      duplicates: [{ bytes: 4, paths: ['twin 1', 'twin 2'] }],
    })
    expect(summary.seconds).toBeGreaterThan(0)
    expect(Object.keys(summary.workers)).toEqual(['worker-1', 'worker-2', 'worker-3'])
    expect(Object.values(summary.workers).reduce((sum, count) => sum + count)).toBe(6)
    for (const { worker, attempts } of summary.results) {
      expect(summary.workers).toHaveProperty(worker)
      expect(attempts).toBe(1)
    }
  })

  it('tells of a file that cannot be read as a failed task, and goes on', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'fine'), 'fine')
    await writeFile(join(folder, 'forbidden'), 'secret')
    await chmod(join(folder, 'forbidden'), 0)
    await mkdir(join(folder, 'dark'))
    await writeFile(join(folder, 'dark', 'file'), 'never seen')
    await chmod(join(folder, 'dark'), 0)
    // Who is not root could not remove it otherwise.
    onTestFinished(() => chmod(join(folder, 'dark'), 0o700))
    const summary = await summaryOf(startJob([folder, '--json'], withoutPrivilege()))
    expect(summary).toMatchObject({
      files: 2,
      results: [{ path: 'fine' }],
      failures: [{ path: 'forbidden', code: 'EACCES', status: 'failed' }],
      ledger: { performed: 2, succeeded: 1, failed: 1, open: 0 },
      gaps: [],
      unreadableFolders: [{ path: 'dark', code: 'EACCES' }],
    })
  })

  it('accounts for every file once though a worker is killed and restarted mid-way', async () => {
    const folder = await manyFiles(3_000)
    const summary = await summaryOf(startJob(['--kill', '--json', folder]))
    expect(digestsOf(summary)).toEqual(sha256sums(folder))
    expect(summary.results).toHaveLength(3_000)
    expect(summary.ledger).toEqual({
      performed: 3_000,
      succeeded: 3_000,
      failed: 0,
      cancelled: 0,
      expired: 0,
      open: 0,
    })
    expect(summary.gaps).toEqual([])
    const { killed } = summary
    expect(killed?.restartedAs).toBeGreaterThan(0)
    expect(killed?.restartedAs).not.toBe(killed?.pid)
    expect(killed?.afterFiles).toBeGreaterThanOrEqual(1_500)
    expect(summary.retried).toBe(summary.results.filter((result) => result.attempts > 1).length)
  })

  // Large enough that the kill comes mid-way on a quick machine, and so two gigabytes of hashing on a slow one.
  it('recovers the one large file that the killed worker had in hand', { timeout: 240_000 }, async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'large'), '')
    await truncate(join(folder, 'large'), 600_000_000)
    const summary = await summaryOf(startJob(['--kill', '--json', folder]))
    expect(digestsOf(summary)).toEqual(sha256sums(folder))
    expect(summary).toMatchObject({ results: [{ path: 'large', attempts: 2 }], retried: 1 })
  })

  it('writes plain lines and a summary where it has no terminal', async () => {
    const folder = await manyFiles(150)
    const job = startJob([folder])
    expect(await job.exited).toBe(0)
    expect(job.stdout()).not.toContain('\u001b')
    expect(job.stdout()).toContain('150 of 150 files')
    expect(job.stdout()).toContain('performed 150 = succeeded 150 + failed 0 + cancelled 0 + expired 0')
    expect(job.stderr()).toBe('')
  })

  it('cancels what is open at Ctrl-C, prints the summary, and leaves no process behind', async () => {
    const folder = await temporaryFolder()
    for (const name of ['a', 'b']) {
      await writeFile(join(folder, name), '')
      await truncate(join(folder, name), 200_000_000_000)
    }
    const job = startJob([folder])
    await until(() => job.stdout().includes('of 2 files'), { timeoutMs: 30_000 })
    const children = childrenOf(job.pid)
    expect(children.length).toBeGreaterThanOrEqual(3)
    job.signal('SIGINT')
    expect(await job.exited).toBe(130)
    expect(job.stdout()).toContain(
      'performed 2 = succeeded 0 + failed 0 + cancelled 2 + expired 0, nothing open',
    )
    await until(() => children.every((pid) => !isAlive(pid)))
  })

  it('ends, and its workers with it, when nobody reads what it prints any more', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a'), '')
    await truncate(join(folder, 'a'), 200_000_000_000)
    const job = startJob([folder])
    await until(() => job.stdout().includes('of 1 files'), { timeoutMs: 30_000 })
    const children = childrenOf(job.pid)
    job.stopReading()
    expect(await job.exited).toBe(1)
    expect(job.stderr()).toBe('')
    await until(() => children.every((pid) => !isAlive(pid)))
  })

  it('says that its summary could not be written', async () => {
    const folder = await temporaryFolder()
    const job = startJob([folder, '--json'], ['sh', '-c', 'exec "$@" > /dev/full', 'sh'])
    expect(await job.exited).toBe(1)
    expect(job.stderr()).toMatch(/^The output could not be written: .*ENOSPC.*\n$/)
  })

  it('takes its workers with it when it is killed', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a'), '')
    await truncate(join(folder, 'a'), 200_000_000_000)
    const job = startJob([folder])
    await until(() => job.stdout().includes('of 1 files'), { timeoutMs: 30_000 })
    const children = childrenOf(job.pid)
    job.signal('SIGKILL')
    await until(() => children.every((pid) => !isAlive(pid)), { timeoutMs: 30_000 })
  })

  it('digests an empty folder, and refuses what is no folder with 2', async () => {
    const folder = await temporaryFolder()
    expect(await summaryOf(startJob([folder, '--json', '--kill']))).toMatchObject({
      files: 0,
      killed: null,
      gaps: [],
    })
    const missing = startJob([join(folder, 'gone')])
    expect(await missing.exited).toBe(2)
    expect(missing.stderr()).toBe(`Cannot digest ${join(folder, 'gone')}: there is no such folder.\n`)
    await writeFile(join(folder, 'file'), '')
    const file = startJob([join(folder, 'file')])
    expect(await file.exited).toBe(2)
    expect(file.stderr()).toContain('it is no folder')
    const unknown = startJob(['--fast'])
    expect(await unknown.exited).toBe(2)
    expect(unknown.stderr()).toContain('--fast')
  })
})
