import { describe, expect, it } from 'vitest'
import { checkErrorPage } from '../../src/docs/error-page.ts'

const section = (code: string): string =>
  `## ${code}\n\nIt failed.\n\n- Usual cause: chance.\n- What to do: try again.\n`
const codes = ['ERR_AETHER_A', 'ERR_AETHER_B']

describe('checkErrorPage', () => {
  it('accepts a page with every code in order', () => {
    expect(checkErrorPage(`# Errors\n\n${codes.map(section).join('\n')}`, codes)).toEqual([])
  })

  it('names a code without a section', () => {
    expect(checkErrorPage(section('ERR_AETHER_A'), codes)).toEqual(['has no section for ERR_AETHER_B'])
  })

  it('names a section without a code', () => {
    expect(checkErrorPage([...codes, 'ERR_AETHER_C'].map(section).join('\n'), codes)).toEqual([
      'explains ERR_AETHER_C, which is no code',
    ])
  })

  it('objects to another order and to a code explained twice', () => {
    const message = 'its sections are not in the order of the codes, or not unique'
    expect(checkErrorPage([...codes].reverse().map(section).join('\n'), codes)).toEqual([message])
    expect(checkErrorPage([...codes, 'ERR_AETHER_B'].map(section).join('\n'), codes)).toEqual([message])
  })

  it('names what a section does not say', () => {
    const page = `## ERR_AETHER_A\n\n- Usual cause: chance.\n\n${section('ERR_AETHER_B')}`
    expect(checkErrorPage(page, codes)).toEqual([
      'ERR_AETHER_A lacks its meaning',
      'ERR_AETHER_A lacks "What to do:"',
    ])
  })
})
