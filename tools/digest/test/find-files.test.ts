import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { findFiles } from '../src/find-files.ts'
import { temporaryFolder } from './temporary-folder.ts'

describe('findFiles', () => {
  it('finds every regular file, hidden ones too, and says what it left out', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, '.git/deep/er'), { recursive: true })
    await mkdir(join(folder, 'empty'))
    for (const name of ['b', 'a b', '.git/deep/er/ünï ☃', '.hidden', '\u{1f600}', 'new\nline']) {
      await writeFile(join(folder, name), name)
    }
    await symlink('b', join(folder, 'link'))
    await symlink('.git', join(folder, 'way'))
    await symlink('nothing', join(folder, 'broken'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const found = await findFiles(folder)
    const expected = ['.git/deep/er/ünï ☃', '.hidden', 'a b', 'b', 'new\nline', '\u{1f600}']
    expect(found).toEqual({
      files: expected.map((path) => ({ path, pathBase64: undefined })),
      links: 3,
      others: 1,
      problems: [],
    })
  })

  it('keeps the bytes of names that are no UTF-8, of files and of folders', async () => {
    const folder = await temporaryFolder()
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x64, 0xff])])
    await mkdir(odd)
    await writeFile(Buffer.concat([odd, Buffer.from('/ü')]), 'x')
    const bytes = Buffer.concat([Buffer.from([0x64, 0xff]), Buffer.from('/ü')])
    const { files } = await findFiles(folder)
    expect(files).toEqual([{ path: 'd\u{fffd}/ü', pathBase64: bytes.toString('base64') }])
  })

  it('agrees with find on a real tree', async () => {
    const folder = join(import.meta.dirname, '..')
    const listed = execFileSync('find', ['.', '-type', 'f', '-not', '-path', './.reports/*'], {
      cwd: folder,
      encoding: 'utf8',
    })
    const { files } = await findFiles(folder)
    const paths = files.map((file) => `./${file.path}`).filter((path) => !path.startsWith('./.reports/'))
    expect(paths.toSorted()).toEqual(listed.trim().split('\n').toSorted())
  })

  it('rejects where there is no folder, and stops when aborted', async () => {
    await expect(findFiles('/nowhere')).rejects.toMatchObject({ code: 'ENOENT' })
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'a'))
    await expect(findFiles(folder, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})
