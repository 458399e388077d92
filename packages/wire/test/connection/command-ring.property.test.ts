import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommandRing } from '../../src/connection/command-ring.ts'
import { WireError } from '../../src/errors.ts'

const refusal = new WireError('ERR_AETHER_QUEUE_FULL', 'full')

describe('CommandRing', () => {
  it('answers each command once, in order, whatever is confirmed at a time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(200), fc.nat(300), fc.boolean(), fc.boolean()), { maxLength: 30 }),
        (steps) => {
          const ring = new CommandRing()
          const answers: string[] = []
          const expected: string[] = []
          let sent = 0
          let done = 0
          for (const [push, confirm, refuse, known] of steps) {
            for (let count = 0; count < push; count++) {
              const number = ++sent
              ring.push({
                confirmed: (deduplicated) => answers.push(`${number} ${deduplicated ? 'known' : 'ok'}`),
                refused: (error) => answers.push(`${number} ${error.code}`),
              })
            }
            const upTo = Math.min(sent, done + confirm)
            if (upTo === done) continue
            if (refuse) {
              ring.refuse(upTo, refusal)
              expected.push(`${upTo} ${refusal.code}`)
            } else if (known) ring.deduplicated(upTo)
            ring.confirm(upTo)
            for (let number = done + 1; number <= upTo; number++) {
              if (number < upTo || !refuse)
                expected.push(`${number} ${number === upTo && known ? 'known' : 'ok'}`)
            }
            done = upTo
          }
          expect(answers).toEqual(expected)
          expect(ring.size).toBe(sent - done)
          ring.clear(refusal)
          expect(answers).toHaveLength(sent)
        },
      ),
    )
  })

  it('takes no answer to what was not asked', () => {
    const ring = new CommandRing()
    ring.push(undefined)
    expect(() => ring.confirm(2)).toThrow(WireError)
    expect(() => ring.refuse(2, refusal)).toThrow(WireError)
    ring.confirm(1)
    expect(() => ring.deduplicated(1)).toThrow(WireError)
    ring.confirm(1)
    expect(ring.size).toBe(0)
  })

  it('tells when nothing is pending', async () => {
    const ring = new CommandRing()
    await ring.idle()
    ring.push(undefined)
    const idle = ring.idle()
    ring.confirm(1)
    await idle
  })
})
