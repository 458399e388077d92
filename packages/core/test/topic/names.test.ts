import { describe, expect, test } from 'vitest'

import { checkName, isName } from '../../src/topic/names.ts'

describe('names', () => {
  test.each(['x', 'image-process', 'v1.2_final', 'größe', '日本', 'a'.repeat(128), 'a@b', 'a$b'])(
    'takes %s',
    (name) => {
      expect(checkName('job', name)).toBe(name)
    },
  )

  test.each([
    ['a slash', 'a/b'],
    ['a plus', '+'],
    ['a hash', 'a#'],
    ['a star', '*'],
    ['a colon', 'a:b'],
    ['a space', 'a b'],
    ['a tab', 'a\tb'],
    ['a newline', 'a\n'],
    ['a null character', 'a\0'],
    ['a zero-width space', 'a\u200b'],
    ['a no-break space', 'a\u00a0b'],
    ['half a surrogate pair', '\ud800'],
    ['a leading dollar', '$share'],
    ['nothing', ''],
    ['too much', 'a'.repeat(129)],
    ['a number', 5],
    ['null', null],
    ['undefined', undefined],
  ])('refuses %s', (_, name) => {
    expect(isName(name)).toBe(false)
    expect(() => checkName('task', name)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_NAME_INVALID', detail: { kind: 'task' } }),
    )
  })

  test('says which name and why', () => {
    expect(() => checkName('workgroup', 'a/b')).toThrow('workgroup "a/b" must not hold')
    expect(() => checkName('tid', '')).toThrow('must not be empty')
  })
})
