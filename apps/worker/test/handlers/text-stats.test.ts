import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { register } from '../../src/handlers/text-stats.ts'
import { capturedHandler } from '../captured-handler.ts'
import { temporaryFolder } from '../temporary-folder.ts'

describe('text/stats', () => {
  it('agrees with wc on lines and bytes of a file, and counts its words', async () => {
    const path = join(await temporaryFolder(), 'text')
    await writeFile(path, 'The quick brown fox — “jumps”.\n'.repeat(5_000))
    const [lines, bytes] = execFileSync('wc', ['-l', '-c', path], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
      .map(Number)
    expect(await capturedHandler(register).call({ path })).toMatchObject({ lines, bytes, words: 25_000 })
  })

  it('counts a text it is handed', async () => {
    expect(await capturedHandler(register).call({ text: 'one two' })).toMatchObject({
      words: 2,
      lines: 1,
      bytes: 7,
    })
  })

  it('stops at an aborted signal', async () => {
    const path = join(await temporaryFolder(), 'text')
    await writeFile(path, 'words '.repeat(100_000))
    const signal = AbortSignal.abort('enough')
    await expect(capturedHandler(register).call({ path }, { signal })).rejects.toBe('enough')
  })

  it('fails clearly where there is no file', async () => {
    await expect(capturedHandler(register).call({ path: '/nowhere' })).rejects.toMatchObject({
      detail: { code: 'ENOENT' },
    })
  })
})
