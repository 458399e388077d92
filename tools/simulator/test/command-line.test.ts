import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../src/command-line.ts'

const names = ['homogeneous', 'overload']

describe('the command line', () => {
  it('has defaults', () => {
    expect(readCommandLine([], names)).toEqual({
      scenarios: names,
      seed: 1,
      runs: 5,
      out: 'plots',
      readme: undefined,
      json: false,
    })
  })

  it('takes what it is told', () => {
    const args = ['--scenario', 'overload', '--seed', '7', '--runs', '2', '--out', 'there', '--json']
    expect(readCommandLine(args, names)).toMatchObject({
      scenarios: ['overload'],
      seed: 7,
      runs: 2,
      out: 'there',
      json: true,
    })
  })

  it('explains itself', () => {
    expect(readCommandLine(['--help'], names)).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('--scenario') as string,
    })
  })

  it.each([
    [['--scenario', 'storm'], 'homogeneous, overload'],
    [['--seed', '-1'], 'integer'],
    [['--seed', '1.5'], 'integer'],
    [['--runs', '0'], 'at least 1'],
    [['--runs', 'many'], 'integer'],
    [['--colour'], 'unknown option'],
    [['plots'], 'too many arguments'],
  ])('refuses %j', (args, text) => {
    expect(readCommandLine(args, names)).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining(text) as string,
    })
  })
})
