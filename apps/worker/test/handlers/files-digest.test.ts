import { execFileSync } from 'node:child_process'
import { link, mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { register } from '../../src/handlers/files-digest.ts'
import { capturedHandler } from '../captured-handler.ts'
import { temporaryFolder } from '../temporary-folder.ts'

function sha256sum(path: string | Buffer): string {
  // A name with odd bytes goes through standard input, which no encoding touches.
  return execFileSync('sh', ['-c', 'exec sha256sum < "$1"', 'sh', path.toString()], {
    encoding: 'utf8',
  }).slice(0, 64)
}

describe('files/digest', () => {
  it('agrees with sha256sum for files of every size around its pieces', async () => {
    const folder = await temporaryFolder()
    const digest = capturedHandler(register)
    for (const size of [0, 1, 262_143, 262_144, 262_145, 1_000_000]) {
      const path = join(folder, `file ${size} ☃`)
      await writeFile(path, Buffer.alloc(size, 'aether '))
      expect(await digest.call({ path })).toEqual({ path, sha256: sha256sum(path), bytes: size })
    }
  })

  it('reads files that claim to be empty and are not', async () => {
    const result = (await capturedHandler(register).call({ path: '/proc/self/limits' })) as { bytes: number }
    expect(result.bytes).toBeGreaterThan(0)
  })

  it('reports progress by bytes, rising, not for every piece', async () => {
    const path = join(await temporaryFolder(), 'sparse')
    await writeFile(path, '')
    await truncate(path, 300 * 1_048_576)
    const seen: { percent: number; bytes: number; total: number }[] = []
    const onStatus = (percent: number, data: unknown): void => {
      seen.push({ percent, ...(data as { bytes: number; total: number }) })
    }
    await capturedHandler(register).call({ path }, { onStatus })
    expect(seen.length).toBeLessThan(300)
    expect(seen.map((at) => at.bytes)).toEqual(seen.map((at) => at.bytes).toSorted((a, b) => a - b))
    for (const at of seen) expect(at.percent).toBe(Math.floor((at.bytes / at.total) * 100))
  })

  it('stops at an aborted signal, rejecting with its reason', async () => {
    const path = join(await temporaryFolder(), 'sparse')
    await writeFile(path, '')
    await truncate(path, 10 * 1_073_741_824)
    const abort = new AbortController()
    const digest = capturedHandler(register).call(
      { path },
      { signal: abort.signal, onStatus: () => abort.abort('enough') },
    )
    await expect(digest).rejects.toBe('enough')
  })

  it('refuses folders, pipes, devices and links, without opening them', async () => {
    const folder = await temporaryFolder()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    await writeFile(join(folder, 'file'), 'x')
    await symlink('file', join(folder, 'link'))
    await symlink('nothing', join(folder, 'broken'))
    const digest = capturedHandler(register)
    for (const path of [folder, join(folder, 'pipe'), '/dev/zero']) {
      await expect(digest.call({ path })).rejects.toMatchObject(failure('ENOTREG'))
    }
    for (const name of ['link', 'broken']) {
      await expect(digest.call({ path: join(folder, name) })).rejects.toMatchObject(failure('ELOOP'))
    }
  })

  it('tells what is wrong with a file that cannot be read, in words', async () => {
    const path = join(await temporaryFolder(), 'gone')
    const digest = capturedHandler(register)
    await expect(digest.call({ path })).rejects.toMatchObject({
      ...failure('ENOENT'),
      message: `cannot read ${JSON.stringify(path)}: no such file or directory (ENOENT)`,
    })
    await expect(digest.call({ path: '/proc/self/mem' })).rejects.toMatchObject({
      code: 'ERR_AETHER_TASK_FAILED',
    })
    await expect(digest.call({ path: 'relative' })).rejects.toMatchObject(failure('EINVAL'))
    await expect(digest.call({ path: '/a\u0000b' })).rejects.toMatchObject(failure('EINVAL'))
  })

  it('finds a file by the bytes of a name that is no UTF-8', async () => {
    const folder = await temporaryFolder()
    const name = Buffer.concat([Buffer.from(`${folder}/bad-`), Buffer.from([0xff, 0xfe])])
    await writeFile(name, 'odd')
    const input = { path: name.toString(), pathBase64: name.toString('base64') }
    expect(await capturedHandler(register).call(input)).toMatchObject({ path: name.toString(), bytes: 3 })
    await expect(capturedHandler(register).call({ path: name.toString() })).rejects.toMatchObject(
      failure('ENOENT'),
    )
  })
})

describe('files/digest with a root', () => {
  it('takes paths below it and refuses everything else', async () => {
    const folder = await temporaryFolder()
    const root = join(folder, 'root')
    await mkdir(join(root, 'sub'), { recursive: true })
    await writeFile(join(folder, 'secret'), 's')
    await writeFile(join(root, 'sub', 'ünï'), 'ok')
    await symlink('sub', join(root, 'way'))
    await symlink('..', join(root, 'out'))
    await link(join(root, 'sub', 'ünï'), join(root, 'hard'))
    const digest = capturedHandler(register, { root })
    expect(await digest.call({ path: 'sub/ünï' })).toMatchObject({ path: 'sub/ünï', bytes: 2 })
    expect(await digest.call({ path: join(root, 'sub/ünï') })).toMatchObject({ bytes: 2 })
    expect(await digest.call({ path: 'hard' })).toMatchObject({ bytes: 2 })
    for (const path of ['../secret', join(folder, 'secret'), '.', '/etc/passwd', `${root}x`]) {
      await expect(digest.call({ path })).rejects.toMatchObject(failure('EPERM'))
    }
    for (const path of ['way/ünï', 'out/secret']) {
      await expect(digest.call({ path })).rejects.toMatchObject(failure('ELOOP'))
    }
  })

  it('says so when the root is not there, or its options are wrong', async () => {
    await expect(capturedHandler(register, { root: '/nowhere' }).call({ path: 'x' })).rejects.toMatchObject(
      failure('ENOENT'),
    )
    expect(() => capturedHandler(register, { root: 'relative' })).toThrow(/absolute/)
    expect(() => capturedHandler(register, { rot: '/' })).toThrow(/rot/)
  })
})

function failure(code: string): object {
  return { code: 'ERR_AETHER_TASK_FAILED', retryable: false, detail: { code } }
}
