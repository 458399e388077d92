import { describe, expect, it } from 'vitest'

import { readCommandLine } from '../src/command-line.ts'

describe('readCommandLine', () => {
  it('reads a folder and flags in any order', () => {
    expect(readCommandLine([])).toEqual({ folder: undefined, kill: false, json: false })
    expect(readCommandLine(['a b', '--json'])).toEqual({ folder: 'a b', kill: false, json: true })
    expect(readCommandLine(['--kill', '--json', './x'])).toEqual({ folder: './x', kill: true, json: true })
    expect(readCommandLine(['--', '--odd'])).toEqual({ folder: '--odd', kill: false, json: false })
  })

  it('explains itself, and refuses what it does not know', () => {
    expect(readCommandLine(['--help'])).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('--kill'),
    })
    expect(readCommandLine(['--kil'])).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('--kil'),
    })
    expect(readCommandLine(['a', 'b'])).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('too many'),
    })
  })
})
